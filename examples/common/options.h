#pragma once
// Options of a command line. CLI11 reads them, in options.cpp alone: its header takes longer to compile than
// a program does.
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace examples {

/// Wrong usage.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What is wrong with an argument; empty: nothing.
using Check = std::function<std::string(const std::string& argument)>;

/// Checks that say what is allowed. Numbers are decimal.
Check whole_number(std::uint64_t min, std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
Check real_number(float min, float max = std::numeric_limits<float>::max());
Check not_empty();
Check one_of(const std::vector<std::string>& names);

/// One option, for as long as its Options live. What is said of it can be said in one expression.
class Option {
 public:
  Option required() const;
  /// The word for its argument in --help.
  Option type_name(const std::string& name) const;
  /// --help shows the value that is there when this is called.
  Option show_default() const;
  /// Of each argument.
  Option check(const Check& check) const;
  /// The arguments of a list: so many, or any number in one word, separated by commas.
  Option n_values(int n) const;
  Option separated_by_commas() const;
  /// Never beside, or only beside, another option of this name.
  Option excludes(const std::string& name) const;
  Option needs(const std::string& name) const;

  /// After parsing: whether it stood on the command line.
  bool given() const;

 private:
  friend class Options;
  explicit Option(CLI::Option* option) : option_(option) {}
  CLI::Option* option_;
};

class Options {
 public:
  /// Adds --help and --version.
  Options(const std::string& program, const std::string& description);
  ~Options();

  /// Names as "-m,--model"; without dashes, an argument by its place. The value stays as it is where the
  /// option is not given, and must live until parse(). Types: std::string, int, float, std::uint64_t, that as
  /// a std::optional, and vectors of strings and ints, to which each occurrence of the option adds one
  /// element.
  template <typename T>
  Option add_option(const std::string& names, T& value, const std::string& description);
  Option add_flag(const std::string& names, bool& value, const std::string& description);

  /// What to do after the command line is read.
  enum class Parsed { run, exit };
  /// Parsed::exit: it was --help or --version, which is printed. Throws UsageError.
  Parsed parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace examples
