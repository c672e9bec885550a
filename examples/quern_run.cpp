// Completes a prompt, streaming.
//
//   quern-run -m tiny.gguf "The millstone turns"
//   quern-run -m tiny.gguf -f letter.txt -n 200 --temp 0.5 --seed 7
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/interrupt.h"
#include "common/program.h"
#include "common/progress.h"
#include "common/settings.h"

namespace {

using examples::per_second;

/// The most memory that this process has held so far, the mapped weights that it touched included.
std::uint64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

/// The first token comes out of reading the prompt, so the rest are what generate_ms counts.
double generated_per_second(const quern::Generation& done) {
  return per_second(done.new_tokens - 1, done.generate_ms);
}

/// "[max_tokens; 12 prompt tokens at 250.0/s, 64 new at 31.2/s, first after 48 ms, memory 9.1 MiB, seed 7]"
void print_timing(const quern::Generation& done) {
  std::fprintf(stderr, "[%s; %d prompt tokens", to_string(done.finish), done.prompt_tokens);
  if (done.new_tokens > 0)
    std::fprintf(stderr, " at %.1f/s, %d new", per_second(done.prompt_tokens, done.prompt_ms),
                 done.new_tokens);
  if (done.new_tokens > 1) std::fprintf(stderr, " at %.1f/s", generated_per_second(done));
  if (done.new_tokens > 0) std::fprintf(stderr, ", first after %.0f ms", done.first_token_ms);
  std::fprintf(stderr, ", memory %s, seed %llu]\n", examples::human_bytes(peak_memory_bytes()).c_str(),
               static_cast<unsigned long long>(done.seed));
}

void print_json(const quern::Generation& done) {
  nlohmann::ordered_json result = {
      {"text", done.text},
      {"finish", to_string(done.finish)},
      {"stop_string", done.stop_string},
      {"seed", done.seed},
      {"prompt_tokens", done.prompt_tokens},
      {"new_tokens", done.new_tokens},
      {"timings",
       {{"prompt_ms", done.prompt_ms},
        {"first_token_ms", done.first_token_ms},
        {"generate_ms", done.generate_ms},
        {"prompt_tokens_per_second", per_second(done.prompt_tokens, done.prompt_ms)},
        {"new_tokens_per_second", generated_per_second(done)}}},
      {"peak_memory_bytes", peak_memory_bytes()},
  };
  examples::write_out(result.dump(2) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  examples::Program program("quern-run", "Completes a prompt.");
  program.add_compute_options();
  program.add_session_options(/*most_by_default=*/4096);
  std::string prompt, file = "-";
  quern::GenerateOptions options;
  const examples::Option given =
      program.add_option("-p,--prompt,prompt", prompt, "The prompt (default: standard input)");
  program.add_option("-f,--file", file, "Read the prompt from a file; - is standard input")
      .type_name("FILE")
      .excludes("--prompt");
  examples::add_generation_options(program, options);
  program.add_option("--stop", options.stop_at, "End before this text; may be given several times")
      .check(examples::not_empty())
      .type_name("TEXT");
  program.add_flag("--special,--parse-special", options.parse_special,
                   "Read names of control tokens in the prompt as those tokens");

  return program.run(argc, argv, [&] {
    if (!given.given()) {
      if (file == "-" && isatty(STDIN_FILENO) == 1) std::fputs("the prompt, then Ctrl-D:\n", stderr);
      prompt = examples::read_file(file);
    }
    const examples::Interrupt interrupt;
    examples::ProgressBar loading("loading"), reading("reading the prompt");

    program.open.progress = loading.callback();
    program.open.stop = interrupt.token();
    const auto model = quern::Model::open(program.model, program.open).value();
    loading.clear();
    auto session = model.new_session(program.session_for(model)).value();

    options.progress = reading.callback();
    options.stop = interrupt.token();
    const auto stream = [](std::string_view text) {
      examples::write_out(text);
      examples::flush_out();
      return true;
    };
    const auto done = session.generate(prompt, options, program.json ? quern::OnText() : stream).value();
    reading.clear();
    if (program.json) {
      print_json(done);
    } else {
      if (!done.text.ends_with('\n') && !done.text.empty()) examples::write_out("\n");
      examples::flush_out();
      print_timing(done);
    }
    return done.finish == quern::Finish::cancelled ? examples::interrupted_status : 0;
  });
}
