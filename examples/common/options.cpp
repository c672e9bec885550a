#include "common/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <sstream>
#include <type_traits>

#include "quern/version.h"

namespace examples {
namespace {

/// `allowed` ends the sentence "'x' is not ...".
template <typename Number>
Check number(const std::string& allowed, Number min, Number max) {
  return [=](const std::string& argument) {
    Number value{};
    const char* end = argument.data() + argument.size();
    const auto parsed = std::from_chars(argument.data(), end, value);
    const bool good = parsed.ec == std::errc() && parsed.ptr == end && value >= min && value <= max;
    return good ? std::string() : "'" + argument + "' is not " + allowed;
  };
}

/// CLI11 would read "010" as octal.
void make_decimal(CLI::Option& option) {
  const auto drop_zeros = [](std::string& digits) {
    while (digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') digits.erase(0, 1);
    return std::string();
  };
  option.transform(CLI::Validator(drop_zeros, ""));
}

}  // namespace

Check whole_number(std::uint64_t min, std::uint64_t max) {
  return number("a whole number from " + std::to_string(min) + " to " + std::to_string(max), min, max);
}

Check real_number(float min, float max) {
  std::ostringstream allowed;
  allowed << "a number ";
  if (max < std::numeric_limits<float>::max())
    allowed << "from " << min << " to " << max;
  else
    allowed << "of " << min << " or more";
  return number(allowed.str(), min, max);
}

Check not_empty() {
  return [](const std::string& argument) { return std::string(argument.empty() ? "the text is empty" : ""); };
}

Check one_of(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return [=](const std::string& argument) {
    const bool good = std::find(names.begin(), names.end(), argument) != names.end();
    return good ? std::string() : "'" + argument + "' is none of " + list;
  };
}

Option Option::required() const { return Option(option_->required()); }
Option Option::type_name(const std::string& name) const { return Option(option_->type_name(name)); }
Option Option::show_default() const { return Option(option_->capture_default_str()); }
Option Option::check(const Check& check) const { return Option(option_->check(CLI::Validator(check, ""))); }
Option Option::n_values(int n) const { return Option(option_->expected(n)); }
Option Option::separated_by_commas() const { return Option(option_->delimiter(',')); }
Option Option::excludes(const std::string& name) const { return Option(option_->excludes(name)); }
Option Option::needs(const std::string& name) const { return Option(option_->needs(name)); }
bool Option::given() const { return option_->count() > 0; }

Options::Options(const std::string& program, const std::string& description)
    : app_(std::make_unique<CLI::App>(description, program)) {
  app_->set_version_flag("--version", program + " " QUERN_VERSION_STRING);
  app_->get_formatter()->column_width(34);
}

Options::~Options() = default;

template <typename T>
Option Options::add_option(const std::string& names, T& value, const std::string& description) {
  CLI::Option* const option = app_->add_option(names, value, description)->allow_extra_args(false);
  if constexpr (!std::is_same_v<T, std::string> && !std::is_same_v<T, std::vector<std::string>> &&
                !std::is_same_v<T, float>)
    make_decimal(*option);
  return Option(option);
}
template Option Options::add_option(const std::string&, std::string&, const std::string&);
template Option Options::add_option(const std::string&, int&, const std::string&);
template Option Options::add_option(const std::string&, float&, const std::string&);
template Option Options::add_option(const std::string&, std::uint64_t&, const std::string&);
template Option Options::add_option(const std::string&, std::optional<std::uint64_t>&, const std::string&);
template Option Options::add_option(const std::string&, std::vector<std::string>&, const std::string&);
template Option Options::add_option(const std::string&, std::vector<int>&, const std::string&);

Option Options::add_flag(const std::string& names, bool& value, const std::string& description) {
  return Option(app_->add_flag(names, value, description));
}

Options::Parsed Options::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
    return Parsed::run;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) throw UsageError(error.what());
    app_->exit(error);  // --help and --version
    return Parsed::exit;
  }
}

}  // namespace examples
