#pragma once
// Arguments of builtins, matched to the names of their parameters.
#include <array>
#include <string_view>

#include "src/chat/machine.h"

namespace quern::detail::jinja {

using Given = const Arguments&;

/// The arguments in the order of the parameters; null where one was not given. Failure type for too many or
/// unknown ones.
template <std::size_t n>
class Parameters {
 public:
  Parameters(Machine& machine, const Arguments& given, std::string_view function,
             const std::array<std::string_view, n>& names)
      : machine_(machine), function_(function), names_(names) {
    match(given);
  }

  const Value* operator[](std::size_t i) const { return values_[i]; }
  /// Failure type if it was not given.
  const Value& required(std::size_t i) const {
    if (values_[i] == nullptr) fail("was not given", i);
    return *values_[i];
  }
  std::int64_t integer(std::size_t i, std::int64_t fallback) const {
    if (values_[i] == nullptr) return fallback;
    if (!values_[i]->is_integral()) fail("is no whole number", i);
    return values_[i]->as_integer();
  }
  bool boolean(std::size_t i, bool fallback) const;
  /// Requires the value to be a string.
  Value string(std::size_t i) const {
    if (!required(i).is_string()) fail("is no string", i);
    return *values_[i];
  }
  Value string(std::size_t i, std::string_view fallback) const {
    return values_[i] == nullptr ? Value::string(fallback) : string(i);
  }
  [[noreturn]] void fail(std::string_view what, std::size_t i) const {
    std::string message(function_);
    machine_.fail_type(message.append(": the argument '").append(names_[i]).append("' ").append(what));
  }

 private:
  void match(const Arguments& given) {
    std::string message(function_);
    if (given.n > n)
      machine_.fail_type(
          message.append(": ").append(std::to_string(given.n)).append(" arguments, expected at most ") +
          std::to_string(n));
    for (std::uint32_t i = 0; i < given.n; ++i) values_[i] = &given.positional[i];
    for (std::uint32_t k = 0; k < given.n_named; ++k) {
      std::size_t i = 0;
      while (i < n && names_[i] != given.named[k].name) ++i;
      if (i == n || values_[i] != nullptr)
        machine_.fail_type(message.append(i == n ? ": there is no argument '" : ": given twice is '")
                               .append(given.named[k].name) +
                           "'");
      values_[i] = &given.named[k].value;
    }
  }

  Machine& machine_;
  std::string_view function_;
  std::array<std::string_view, n> names_;
  std::array<const Value*, n> values_{};
};

/// Failure type if there is an argument.
inline void expect_none(Machine& m, Given given, std::string_view function) {
  const Parameters<0> none(m, given, function, {});
}

bool is_true(const Value& value);
template <std::size_t n>
bool Parameters<n>::boolean(std::size_t i, bool fallback) const {
  return values_[i] == nullptr ? fallback : is_true(*values_[i]);
}

}  // namespace quern::detail::jinja
