#pragma once
// What the example programs share: their common options, and how they fail: one line on standard error, exit
// status 2 for wrong usage, 130 after Ctrl-C and 1 for everything else.
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/options.h"
#include "quern/quern.h"

namespace examples {

constexpr int interrupted_status = 130;  // as of a program that SIGINT ends: 128 + 2

class Program : public Options {
 public:
  /// What a program works on: a model given by -m/--model, one that may be given, or what options of its own
  /// say.
  enum class Input { model, model_or_other, other };
  enum class Output { text_or_json, text };
  /// Adds -m/--model (but for Input::other), --json (for Output::text_or_json).
  Program(const std::string& name, const std::string& description, Input input = Input::model,
          Output output = Output::text_or_json);

  /// -t/--threads and --isa, for programs that compute.
  void add_compute_options();
  void add_isa_option();
  /// --n-ctx and --kv. What a model was trained for may take more memory than the program's work deserves:
  /// `most_by_default` limits what it gets unasked; 0: no limit.
  void add_session_options(int most_by_default = 0);
  /// The options of a session with this model. Requires: parsed.
  quern::SessionOptions session_for(const quern::Model& opened) const;

  /// Token ids separated by commas.
  Option add_token_ids(const std::string& names, std::vector<quern::Token>& ids,
                       const std::string& description);

  /// Parses the arguments and runs the body, whose result is the exit status. What it throws becomes the one
  /// line; a quern::Result that holds an error throws from value().
  int run(int argc, char** argv, const std::function<int()>& body);

  std::string model;  ///< path of the GGUF file
  bool json = false;
  quern::OpenOptions open;        ///< isa
  quern::SessionOptions session;  ///< threads, n_ctx, kv_type

 private:
  std::string name_;
  std::string kv_ = "f16";
  int most_by_default_ = 0;
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

/// 0 where no time was measured.
double per_second(int n, double ms);
/// 1536 as "1.5 KiB".
std::string human_bytes(std::uint64_t bytes);

}  // namespace examples
