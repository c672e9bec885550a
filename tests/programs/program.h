#pragma once
// Runs one of the built example programs as a user would, with files for its standard streams.
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/wait.h>

#include "tests/support/files.h"
#include "tests/support/scratch_folder.h"

namespace quern::test {

/// The model that the programs come with, and a golden one that has no chat template.
inline const std::string valley_model = QUERN_SOURCE_DIR "/examples/model/quern-valley.gguf";
inline const std::string llama_model = QUERN_TEST_DATA_DIR "/models/llama.gguf";

struct Outcome {
  int status = -1;  ///< exit status; 128 + n after signal n
  std::string out, err;
};

inline std::string shell_word(std::string_view argument) {
  std::string out = "'";
  for (const char c : argument) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

/// `before`: commands of the shell, such as "ulimit -t 10;".
inline Outcome run_program(const std::string& name, const std::vector<std::string>& arguments,
                           std::string_view input = {}, const std::string& before = "") {
  ScratchFolder folder;
  const auto in = folder.path() / "in", out = folder.path() / "out", err = folder.path() / "err";
  write_file(in, input);
  std::string command = before + shell_word(std::string(QUERN_PROGRAM_DIR) + "/" + name);
  for (const std::string& argument : arguments) command.append(" ").append(shell_word(argument));
  command.append(" < ").append(shell_word(in.string()));
  command.append(" > ").append(shell_word(out.string()));
  command.append(" 2> ").append(shell_word(err.string()));
  const int status = std::system(command.c_str());
  return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = read_file(out),
          .err = read_file(err)};
}

}  // namespace quern::test
