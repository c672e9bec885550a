#pragma once
// How compiling and rendering a template fail. Inside src/chat a failure is thrown, for it may come out of
// any depth of the template; template.cpp catches it and makes an Error of it.
#include <cstdint>
#include <limits>
#include <string>

namespace quern::detail::jinja {

/// What a template did wrong. The word of each (to_string) is the `field` of the Error.
enum class FailureKind {
  syntax,        // it does not parse
  unsupported,   // a tag that is refused by name
  unknown_name,  // no such filter or test
  undefined,     // a use of an undefined value that is not allowed
  type,          // wrong operand, argument, number of items or value
  arithmetic,    // division by zero, overflow
  forbidden,     // a method that would change a list or dict
  raised,        // raise_exception: the template refuses the conversation
  limit_source,
  limit_depth,
  limit_steps,
  limit_output,
  limit_memory,
  limit_range,
};

constexpr const char* to_string(FailureKind kind) {
  switch (kind) {
    case FailureKind::syntax: return "syntax";
    case FailureKind::unsupported: return "unsupported";
    case FailureKind::unknown_name: return "unknown_name";
    case FailureKind::undefined: return "undefined";
    case FailureKind::type: return "type";
    case FailureKind::arithmetic: return "arithmetic";
    case FailureKind::forbidden: return "forbidden";
    case FailureKind::raised: return "raised";
    case FailureKind::limit_source: return "limit_source";
    case FailureKind::limit_depth: return "limit_depth";
    case FailureKind::limit_steps: return "limit_steps";
    case FailureKind::limit_output: return "limit_output";
    case FailureKind::limit_memory: return "limit_memory";
    case FailureKind::limit_range: return "limit_range";
  }
  return "";
}

struct Failure {
  static constexpr std::uint32_t nowhere = std::numeric_limits<std::uint32_t>::max();

  FailureKind kind;
  std::string message;
  std::uint32_t at = nowhere;  ///< byte of the source; nowhere: where the interpreter is
};

}  // namespace quern::detail::jinja
