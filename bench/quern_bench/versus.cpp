#include "bench/quern_bench/versus.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "formats/try.h"

namespace quern::bench {
namespace {

using formats::cat;

Error failed(const std::string& program, const std::string& why) {
  return {ErrorCode::io, cat("'", program, "' ", why), "versus"};
}

// What a program writes to standard output; what it says elsewhere is dropped.
Result<std::string> output_of(const std::vector<std::string>& words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(words[0], std::strerror(errno));
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int refused = ::posix_spawnp(&child, words[0].c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; refused == 0 && (n = ::read(ends[0], buffer, sizeof buffer)) != 0;) {
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
    if (n < 0 && errno != EINTR) break;
  }
  ::close(ends[0]);
  if (refused != 0) return failed(words[0], cat("cannot be run: ", std::strerror(refused)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return failed(words[0], WIFEXITED(status) ? cat("ended with status ", WEXITSTATUS(status))
                                              : cat("was ended by signal ", WTERMSIG(status)));
  return text;
}

}  // namespace

Result<double> run_other_engine(const std::string& program, const std::string& model, const Row& row) {
  std::vector<std::string> words{program,
                                 "-m",
                                 model,
                                 "-p",
                                 std::to_string(row.n_prompt),
                                 "-n",
                                 std::to_string(row.n_gen),
                                 "-t",
                                 std::to_string(row.n_threads),
                                 "-r",
                                 "1",
                                 "-o",
                                 "json"};
  if (row.n_depth != 0) words.insert(words.end(), {"-d", std::to_string(row.n_depth)});
  QUERN_TRY(const std::string text, output_of(words));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array() || json.size() != 1 || !json[0].is_object())
    return failed(program, "did not print a JSON array of one result");
  const auto rate = json[0].find("avg_ts");
  if (rate == json[0].end() || !rate->is_number() || !(rate->get<double>() > 0))
    return failed(program, "did not print a rate as 'avg_ts'");
  // A program that overlooks an option would be compared at another task.
  for (const auto& [key, wanted] :
       {std::pair{"n_prompt", row.n_prompt}, {"n_gen", row.n_gen}, {"n_threads", row.n_threads}}) {
    const auto told = json[0].find(key);
    if (told != json[0].end() && *told != wanted)
      return failed(program, cat("measured ", key, " ", told->dump(), ", asked was ", wanted));
  }
  return rate->get<double>();
}

}  // namespace quern::bench
