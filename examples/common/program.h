#pragma once
// What the example programs share: their common options, and how they fail: one line on standard error, exit
// status 2 for wrong usage and 1 for everything else.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "quern/quern.h"

namespace examples {

class Program {
 public:
  /// What a program works on: a model given by -m/--model, one that may be given, or what options of its own
  /// say.
  enum class Input { model, model_or_other, other };
  enum class Output { text_or_json, text };
  /// Adds -m/--model (but for Input::other), --json (for Output::text_or_json), --help and --version.
  Program(const std::string& name, const std::string& description, Input input = Input::model,
          Output output = Output::text_or_json);

  /// -t/--threads and --isa, for programs that compute.
  void add_compute_options();
  void add_isa_option();
  /// --n-ctx and --kv.
  void add_session_options();

  CLI::App& app() { return app_; }

  /// Parses the arguments and runs the body, whose result is the exit status. What it throws becomes the one
  /// line; a quern::Result that holds an error throws from value().
  int run(int argc, char** argv, const std::function<int()>& body);

  std::string model;  ///< path of the GGUF file
  bool json = false;
  quern::OpenOptions open;        ///< isa
  quern::SessionOptions session;  ///< threads, n_ctx, kv_type

 private:
  CLI::App app_;
  std::string name_;
};

/// Checks of an option's value that say what is allowed.
CLI::Validator whole_number(std::int64_t min, std::int64_t max = std::numeric_limits<std::int64_t>::max());
CLI::Validator real_number(double min, double max = std::numeric_limits<double>::max());
CLI::Validator one_of(const std::vector<std::string>& names);

/// An option that takes ids separated by commas.
CLI::Option* add_token_ids(CLI::App& app, const std::string& name, std::vector<quern::Token>& ids,
                           const std::string& description);

/// Wrong usage that shows only after the arguments are parsed.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The value; or a std::runtime_error with the library's message and, for this kind of error, the option of
/// the program that helps.
template <typename T>
T value_or_advise(quern::Result<T> result, quern::ErrorCode kind, const std::string& advice) {
  if (!result && result.error().code == kind)
    throw std::runtime_error(result.error().message + " (" + advice + ")");
  return std::move(result).value();
}

/// All of a file; "-" is standard input. Throws std::runtime_error.
std::string read_file(const std::string& path);
/// To standard output, which is buffered. Both throw std::runtime_error.
void write_out(std::string_view bytes);
void flush_out();

/// 1536 as "1.5 KiB".
std::string human_bytes(std::uint64_t bytes);

}  // namespace examples
