// Writes the logits after every token of a sequence as raw little-endian float32, n_vocab of them a position,
// for people who compare engines. The bytes are the same for every number of threads and every chunk size.
//
//   quern-logits -m tiny.gguf --tokens 1,2,3 --out logits.f32
//   quern-logits -m t5.gguf --encoder-tokens 4,5,1 --tokens 0,7 --out logits.f32
#include <algorithm>

#include "common/interrupt.h"
#include "common/output_file.h"
#include "common/program.h"
#include "common/progress.h"
#include "common/token_ids.h"

namespace {

std::vector<quern::Token> read_tokens(const std::string& path) {
  const std::string text = examples::read_file(path);
  try {
    return examples::token_ids_from_json(text);
  } catch (const std::exception& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  examples::Program program("quern-logits", "Writes the logits after every token of a sequence.",
                            examples::Program::Input::model, examples::Program::Output::text);
  program.add_compute_options();
  program.add_session_options();
  std::vector<quern::Token> tokens, encoder_tokens;
  std::string tokens_file, out;
  std::size_t chunk = 0;
  program.add_token_ids("--tokens", tokens, "Token ids, separated by commas");
  program.add_option("--tokens-file", tokens_file, "JSON array of token ids; - is standard input")
      .type_name("FILE")
      .excludes("--tokens");
  program.add_token_ids("--encoder-tokens", encoder_tokens,
                        "Of a model with an encoder: the token ids of its source");
  program.add_option("-o,--out", out, "File to write; - is standard output").required().type_name("FILE");
  program.add_option("--chunk", chunk, "Tokens evaluated at a time (default: all)")
      .check(examples::whole_number(1, std::numeric_limits<int>::max()))
      .type_name("N");

  return program.run(argc, argv, [&] {
    if (tokens.empty() && tokens_file.empty())
      throw examples::UsageError("--tokens or --tokens-file is required");
    if (!tokens_file.empty()) tokens = read_tokens(tokens_file);
    if (chunk == 0) chunk = std::max<std::size_t>(tokens.size(), 1);
    const examples::Interrupt interrupt;
    program.open.stop = interrupt.token();
    const auto model = quern::Model::open(program.model, program.open).value();
    if (chunk < static_cast<std::size_t>(program.session.batch))
      program.session.batch = static_cast<int>(chunk);
    auto session = model.new_session(program.session).value();

    if (!encoder_tokens.empty()) session.read_source(encoder_tokens, interrupt.token()).value();

    examples::OutputFile file(out);
    examples::ProgressBar progress("evaluating");
    for (std::size_t begin = 0; begin < tokens.size(); begin += chunk) {
      const auto part = std::span(tokens).subspan(begin, std::min(chunk, tokens.size() - begin));
      const auto write = [&](std::size_t i, std::span<const float> logits) {
        file.write(logits);
        progress.show(static_cast<double>(begin + i + 1) / static_cast<double>(tokens.size()));
      };
      session.feed_each(part, write, interrupt.token()).value();
    }
    file.close();
    return 0;
  });
}
