#pragma once
/// result.h: how Quern reports failure. No exception of the library's own crosses its API: what can fail
/// returns a Result, which holds either a value or an Error.
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace quern {

enum class ErrorCode {
  invalid_argument,  ///< the caller asked for something that makes no sense; `field` names the parameter
  io,                ///< the operating system refused: no such file, no permission, a read failed
  corrupt,           ///< a file breaks its format or contradicts itself; `field` names the key or tensor
  unsupported,       ///< well-formed, but asks for something that this build cannot do; never ignored
  out_of_memory,     ///< memory could not be had; nothing was changed
  cancelled,         ///< the caller's stop token was triggered
  context_full,      ///< more tokens than the session's context has room for
  nan_logit,         ///< the model produced a NaN logit
  infinite_logit,    ///< the model produced an infinite logit
  no_candidates,     ///< masks and bans left no token to choose from
  bad_template,      ///< a chat template does not parse, fails or goes beyond its limits; `field` says how
  template_raised,   ///< a chat template refuses the conversation; the message is the template's own
  no_template,       ///< a model without a chat template, and none was given
};

/// The word for a code, "corrupt" for ErrorCode::corrupt. Static storage.
constexpr const char* to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::io: return "io";
    case ErrorCode::corrupt: return "corrupt";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::out_of_memory: return "out_of_memory";
    case ErrorCode::cancelled: return "cancelled";
    case ErrorCode::context_full: return "context_full";
    case ErrorCode::nan_logit: return "nan_logit";
    case ErrorCode::infinite_logit: return "infinite_logit";
    case ErrorCode::no_candidates: return "no_candidates";
    case ErrorCode::bad_template: return "bad_template";
    case ErrorCode::template_raised: return "template_raised";
    case ErrorCode::no_template: return "no_template";
  }
  return "unknown";
}

/// What went wrong, for a person (`message`: one line that names what was found and what was expected) and
/// for a program (`code`, and `field`: the metadata key, tensor or parameter at fault, empty where there is
/// none).
struct Error {
  ErrorCode code{};
  std::string message{};
  std::string field{};
};

/// A value or an Error. Member names follow std::expected.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// Requires: has_value().
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

  /// Requires: !has_value().
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

  /// For examples and tests: the value, or a std::runtime_error with the message (without exceptions: abort).
  T value() && {
    require();
    return std::move(*std::get_if<0>(&state_));
  }
  T& value() & {
    require();
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    require();
    return *std::get_if<0>(&state_);
  }

 private:
  void require() const {
    if (has_value()) return;
#if defined(__cpp_exceptions)
    throw std::runtime_error(error().message);
#else
    std::abort();
#endif
  }
  std::variant<T, Error> state_;
};

/// A Result without a value: success, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}
  bool has_value() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return has_value(); }
  /// Requires: !has_value().
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }
  void value() const {
    if (!failed_) return;
#if defined(__cpp_exceptions)
    throw std::runtime_error(error_.message);
#else
    std::abort();
#endif
  }

 private:
  Error error_{};
  bool failed_ = false;
};

}  // namespace quern
