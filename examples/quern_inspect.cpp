// What a GGUF file holds, whether it will run here, and the memory that takes.
//
//   quern-inspect -m tiny.gguf --n-ctx 8192 --kv q8_0
//   quern-inspect -m tiny.gguf --check --manifest tiny.json   # reads every byte
//   quern-inspect -m copy.gguf --verify tiny.json
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/interrupt.h"
#include "common/manifest.h"
#include "common/program.h"
#include "common/progress.h"

namespace {

using examples::human_bytes;
using nlohmann::ordered_json;

std::string joined(const std::vector<std::uint64_t>& dims) {
  std::string out;
  for (const std::uint64_t dim : dims) out += (out.empty() ? "" : " x ") + std::to_string(dim);
  return out;
}

ordered_json to_json(const quern::FileReport& file) {
  ordered_json metadata = ordered_json::array(), tensors = ordered_json::array();
  for (const auto& item : file.metadata)
    metadata.push_back(
        {{"key", item.key}, {"type", item.type}, {"value", item.value}, {"n_elements", item.n_elements}});
  for (const auto& tensor : file.tensors)
    tensors.push_back({{"name", tensor.name},
                       {"type", tensor.type},
                       {"dims", tensor.dims},
                       {"bytes", tensor.n_bytes},
                       {"offset", tensor.file_offset}});
  return {{"version", file.version},
          {"shards", file.n_shards},
          {"file_bytes", file.file_bytes},
          {"metadata", metadata},
          {"tensors", tensors}};
}

ordered_json to_json(const quern::ModelInfo& info) {
  return {{"name", info.name},
          {"architecture", info.architecture},
          {"types", info.types},
          {"parameters", info.n_parameters},
          {"layers", info.n_layers},
          {"dim", info.dim},
          {"heads", info.n_heads},
          {"kv_heads", info.n_kv_heads},
          {"head_dim", info.head_dim},
          {"vocabulary", info.n_vocab},
          {"n_ctx_train", info.n_ctx_train},
          {"experts", info.n_experts},
          {"experts_used", info.n_experts_used},
          {"image_tensors", info.n_image_tensors},
          {"isa", info.isa}};
}

ordered_json to_json(const quern::Plan& plan) {
  return {{"n_ctx", plan.n_ctx},
          {"weight_bytes", plan.weight_bytes},
          {"private_weight_bytes", plan.private_weight_bytes},
          {"kv_bytes", plan.kv_bytes},
          {"scratch_bytes", plan.scratch_bytes},
          {"vocabulary_bytes", plan.vocabulary_bytes},
          {"total_bytes", plan.total_bytes()},
          {"bytes_read_per_token", plan.bytes_read_per_token}};
}

void print(const quern::FileReport& file) {
  std::printf("GGUF version %u, %s in %u file%s\n\n", file.version, human_bytes(file.file_bytes).c_str(),
              file.n_shards, file.n_shards == 1 ? "" : "s");
  std::printf("Metadata (%zu keys)\n", file.metadata.size());
  for (const auto& item : file.metadata)
    std::printf("  %-44s %-16s %s\n", item.key.c_str(), item.type.c_str(), item.value.c_str());
  std::printf("\nTensors (%zu)\n", file.tensors.size());
  for (const auto& tensor : file.tensors)
    std::printf("  %-44s %-8s %-22s %12s\n", tensor.name.c_str(), tensor.type.c_str(),
                joined(tensor.dims).c_str(), human_bytes(tensor.n_bytes).c_str());
}

void print(const quern::ModelInfo& info, const quern::Plan& plan) {
  const auto line = [](const char* name, const std::string& value) {
    std::printf("  %-28s %s\n", name, value.c_str());
  };
  std::printf("\nModel\n");
  line("name", info.name);
  line("architecture", info.architecture);
  line("parameters", std::to_string(info.n_parameters));
  line("types by size", info.types);
  line("layers, width", std::to_string(info.n_layers) + ", " + std::to_string(info.dim));
  line("heads, kv heads, head width", std::to_string(info.n_heads) + ", " + std::to_string(info.n_kv_heads) +
                                          ", " + std::to_string(info.head_dim));
  if (info.n_experts > 0)
    line("experts, used", std::to_string(info.n_experts) + ", " + std::to_string(info.n_experts_used));
  if (info.n_image_tensors > 0)
    line("for images, not used", std::to_string(info.n_image_tensors) + " tensors");
  line("vocabulary", std::to_string(info.n_vocab));
  line("trained for a context of", std::to_string(info.n_ctx_train));

  std::printf("\nRuns here with the %s kernels. Memory for a context of %d\n", info.isa.c_str(), plan.n_ctx);
  line("weights, mapped", human_bytes(plan.weight_bytes));
  line("weights, converted", human_bytes(plan.private_weight_bytes));
  line("keys and values", human_bytes(plan.kv_bytes));
  line("working memory", human_bytes(plan.scratch_bytes));
  line("vocabulary", human_bytes(plan.vocabulary_bytes));
  line("together", human_bytes(plan.total_bytes()));
  line("read for each new token", human_bytes(plan.bytes_read_per_token));
}

struct CheckPaths {
  std::string manifest;  ///< to write; empty: none
  std::string verify;    ///< to compare with; empty: none
};

/// A line for each finding; exit status 1 if there is one.
int check(const examples::Program& program, const CheckPaths& paths) {
  quern::Manifest expected;
  if (!paths.verify.empty()) expected = examples::read_manifest(paths.verify);
  const examples::Interrupt interrupt;
  examples::ProgressBar bar("checking");
  quern::CheckReport report = quern::check(program.model, {.threads = program.session.threads,
                                                           .progress = bar.callback(),
                                                           .stop = interrupt.token()})
                                  .value();
  bar.clear();
  if (!paths.verify.empty())
    for (auto& finding : quern::compare(expected, report.manifest))
      report.findings.push_back(std::move(finding));
  if (!paths.manifest.empty()) examples::write_manifest(paths.manifest, report.manifest);

  if (program.json) {
    ordered_json findings = ordered_json::array();
    for (const auto& finding : report.findings)
      findings.push_back({{"where", finding.where}, {"what", finding.what}});
    const ordered_json json = {{"findings", findings},
                               {"notes", report.notes},
                               {"tensors", report.manifest.tensors.size()},
                               {"bytes", report.n_bytes}};
    examples::write_out(json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
  } else {
    for (const auto& finding : report.findings)
      std::printf("%s: %s\n", finding.where.c_str(), finding.what.c_str());
    for (const std::string& note : report.notes) std::printf("note: %s\n", note.c_str());
    std::printf("%zu tensors, %s: ", report.manifest.tensors.size(), human_bytes(report.n_bytes).c_str());
    if (report.findings.empty())
      std::printf("nothing wrong%s\n", paths.verify.empty() ? "" : ", as in the manifest");
    else
      std::printf("%zu finding%s\n", report.findings.size(), report.findings.size() == 1 ? "" : "s");
  }
  return report.findings.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  examples::Program program("quern-inspect",
                            "Shows what a GGUF file holds, whether it runs here, and the memory that "
                            "takes. Exit status 1: the library would refuse it.");
  program.add_compute_options();
  program.add_session_options();
  bool container_only = false;
  program.add_flag("--container-only", container_only,
                   "Only what the file holds, for files that are no model: vocabularies, adapters");

  bool wants_check = false;
  CheckPaths paths;
  program.add_flag("--check", wants_check,
                   "Read every block for numbers that are none, try the tokenizer and the chat "
                   "template; a line for each finding, and exit status 1 if there is one");
  program.add_option("--manifest", paths.manifest, "Check, and write the SHA-256 of each tensor to this file")
      .type_name("FILE");
  program.add_option("--verify", paths.verify, "Check, and compare with the manifest in this file")
      .type_name("FILE");

  return program.run(argc, argv, [&] {
    if (wants_check || !paths.manifest.empty() || !paths.verify.empty()) {
      if (!container_only) (void)quern::Model::plan(program.model, program.session, program.open).value();
      return check(program, paths);
    }
    const auto file = quern::inspect(program.model).value();
    ordered_json json = to_json(file);
    if (!container_only) {
      // Both make every check of the header; neither touches the weights.
      const auto plan = quern::Model::plan(program.model, program.session, program.open).value();
      const auto info = quern::Model::open(program.model, program.open).value().info();
      if (!program.json) {
        print(file);
        print(info, plan);
      }
      json["model"] = to_json(info);
      json["plan"] = to_json(plan);
    } else if (!program.json) {
      print(file);
    }
    if (program.json) examples::write_out(json.dump(2) + "\n");
    return 0;
  });
}
