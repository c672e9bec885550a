#include "common/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <sstream>

#include "quern/version.h"

namespace examples {
namespace {

template <typename Number>
Check number(const char* kind, Number min, Number max) {
  std::ostringstream allowed;
  allowed << kind;
  if (max < std::numeric_limits<Number>::max())
    allowed << " from " << min << " to " << max;
  else
    allowed << " of " << min << " or more";
  return [=, text = allowed.str()](const std::string& argument) {
    Number value{};
    const char* end = argument.data() + argument.size();
    const auto parsed = std::from_chars(argument.data(), end, value);
    const bool good = parsed.ec == std::errc() && parsed.ptr == end && value >= min && value <= max;
    return good ? std::string() : "'" + argument + "' is not " + text;
  };
}

}  // namespace

Check whole_number(std::int64_t min, std::int64_t max) { return number("a whole number", min, max); }
Check real_number(double min, double max) { return number("a number", min, max); }

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
  return Option(app_->add_option(names, value, description)->allow_extra_args(false));
}
template Option Options::add_option(const std::string&, std::string&, const std::string&);
template Option Options::add_option(const std::string&, int&, const std::string&);
template Option Options::add_option(const std::string&, float&, const std::string&);
template Option Options::add_option(const std::string&, std::uint64_t&, const std::string&);
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
