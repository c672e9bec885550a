// A Hugging Face folder (config.json, safetensors, tokenizer.json) to a GGUF file.
//
//   quern-convert SmolLM2-135M-Instruct smollm2.gguf --type q8_0
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "common/interrupt.h"
#include "common/program.h"
#include "common/progress.h"
#include "quern/convert.h"

namespace {

const std::map<std::string, quern::ConvertType> types = {{"as-is", quern::ConvertType::as_is},
                                                         {"f32", quern::ConvertType::f32},
                                                         {"f16", quern::ConvertType::f16},
                                                         {"bf16", quern::ConvertType::bf16},
                                                         {"q8_0", quern::ConvertType::q8_0}};

}  // namespace

int main(int argc, char** argv) {
  examples::Program program(
      "quern-convert", "Turns a Hugging Face folder into a GGUF file, which appears whole or not at all.",
      examples::Program::Input::other);
  std::string folder, out, type = "as-is";
  quern::ConvertOptions options;
  program.add_option("folder", folder, "Folder with config.json, *.safetensors and tokenizer.json")
      .type_name("FOLDER")
      .required();
  program.add_option("out", out, "GGUF file to write").type_name("FILE").required();
  program
      .add_option("--type", type,
                  "Type of the matrices: as-is (default: as the folder has them), f32, f16, bf16, q8_0")
      .check([](const std::string& name) {
        return types.contains(name) ? std::string() : "'" + name + "' is none of as-is, f32, f16, bf16, q8_0";
      })
      .type_name("TYPE");
  program
      .add_option("--pre", options.pre,
                  "Pre-tokenizer of a byte-pair vocabulary, where it is not found by itself")
      .type_name("NAME");

  return program.run(argc, argv, [&] {
    const examples::Interrupt interrupt;
    examples::ProgressBar bar("converting");
    options.type = types.at(type);
    options.progress = bar.callback();
    options.stop = interrupt.token();
    const quern::ConvertReport report = quern::convert(folder, out, options).value();
    bar.clear();
    if (program.json) {
      const nlohmann::ordered_json json = {{"architecture", report.architecture},
                                           {"tensors", report.n_tensors},
                                           {"parameters", report.n_parameters},
                                           {"bytes", report.file_bytes},
                                           {"notes", report.notes}};
      examples::write_out(json.dump(2) + "\n");
      return 0;
    }
    std::printf("%s: %s, %llu parameters in %llu tensors, %s\n", out.c_str(), report.architecture.c_str(),
                static_cast<unsigned long long>(report.n_parameters),
                static_cast<unsigned long long>(report.n_tensors),
                examples::human_bytes(report.file_bytes).c_str());
    for (const std::string& note : report.notes) std::printf("note: %s\n", note.c_str());
    return 0;
  });
}
