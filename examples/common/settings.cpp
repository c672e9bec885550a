#include "common/settings.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <variant>
#include <vector>

namespace examples {
namespace {

struct Setting {
  const char* name;
  std::variant<float*, int*, std::optional<std::uint64_t>*> value;
};

std::vector<Setting> settings_of(quern::GenerateOptions& options) {
  quern::SamplerOptions& s = options.sampler;
  return {{"temp", &s.temperature},
          {"top_k", &s.top_k},
          {"top_p", &s.top_p},
          {"min_p", &s.min_p},
          {"repeat_penalty", &s.repeat_penalty},
          {"max_tokens", &options.max_tokens},
          {"seed", &s.seed}};
}

template <typename Number>
bool read(const std::string& text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end;
}
bool read(const std::string& text, std::optional<std::uint64_t>& seed) {
  seed.reset();
  return text == "random" || read(text, seed.emplace());
}

std::string expected(const float*) { return "a number"; }
std::string expected(const int*) {
  return "a whole number up to " + std::to_string(std::numeric_limits<int>::max());
}
std::string expected(const std::optional<std::uint64_t>*) {
  return "\"random\" or a whole number from 0 to " +
         std::to_string(std::numeric_limits<std::uint64_t>::max());
}

}  // namespace

void add_generation_options(Options& options, quern::GenerateOptions& generation) {
  quern::SamplerOptions& sampler = generation.sampler;
  options.add_option("-n,--max-tokens", generation.max_tokens, "New tokens at most")
      .check(whole_number(0, std::numeric_limits<int>::max()))
      .show_default();
  options.add_option("--temp", sampler.temperature, "Temperature; 0: always the likeliest token")
      .check(real_number(0))
      .show_default();
  options.add_option("--top-k", sampler.top_k, "Choose among the k likeliest; 0: all")
      .check(whole_number(0, std::numeric_limits<int>::max()))
      .show_default();
  options
      .add_option("--top-p", sampler.top_p, "Choose among the likeliest that hold this probability; 1: all")
      .check(real_number(0, 1))
      .show_default();
  options
      .add_option("--min-p", sampler.min_p,
                  "Leave out what is less likely than this share of the best; 0: nothing")
      .check(real_number(0, 1))
      .show_default();
  options.add_option("--seed", sampler.seed, "Same seed, same text (default: a new one each time)")
      .check(whole_number(0))
      .type_name("N");
}

std::string described(const quern::GenerateOptions& options) {
  quern::GenerateOptions copy = options;
  std::ostringstream out;
  for (const Setting& setting : settings_of(copy)) {
    out << "  " << setting.name << " ";
    if (const auto* seed = std::get_if<std::optional<std::uint64_t>*>(&setting.value))
      out << (**seed ? std::to_string(***seed) : "random");
    else if (const auto* whole = std::get_if<int*>(&setting.value))
      out << **whole;
    else
      out << *std::get<float*>(setting.value);
    out << "\n";
  }
  return out.str();
}

void change(quern::GenerateOptions& options, const std::string& text) {
  const std::size_t space = std::min(text.find(' '), text.size());
  const std::string name = text.substr(0, space);
  const std::string value = text.substr(std::min(text.find_first_not_of(' ', space), text.size()));
  quern::GenerateOptions changed = options;
  const std::vector<Setting> settings = settings_of(changed);
  const auto known = std::ranges::find(settings, name, [](const Setting& s) { return std::string(s.name); });
  if (known == settings.end())
    throw std::runtime_error("there is no setting '" + name + "'; /set shows them");
  if (value.empty()) throw std::runtime_error("/set " + name + " needs a value");
  std::visit(
      [&](auto* number) {
        if (!read(value, *number))
          throw std::runtime_error(name + " is '" + value + "', expected " + expected(number));
      },
      known->value);
  quern::validate(changed.sampler, std::numeric_limits<int>::max()).value();
  if (changed.max_tokens < 0) throw std::runtime_error("max_tokens is below 0");
  options = changed;
}

}  // namespace examples
