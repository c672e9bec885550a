#pragma once
// How a family of models writes a tool call, as one line of text that a small machine follows byte by byte.
//
// In a pattern white space and all other characters stand for themselves, but for:
//   %w  any white space, or none           %s  anything up to the next literal (attributes nobody needs)
//   %n  the name of the tool               %i  the id of the call
//   %k  the key of an argument             %t  the attribute that tells its type
//   %v  its value, exactly                 %l  its value on lines of its own: one newline at each end is
//   markup %a  the arguments, a JSON object       %c  the call, or an array of calls, as JSON objects %d  an
//   array of JSON objects {name: arguments} %p  calls as Python writes them        %x  %c, or %p where it
//   does not begin with a bracket %g  arguments as Gemma writes them, after their opening brace %m  arguments
//   as nested tags, up to the next literal
//   %(…%|…%)  either part, any number of times; what begins or follows a part is a literal
// and in a literal * is a word of letters, digits, '_', '-' and '.'.
#include <string>
#include <string_view>
#include <vector>

namespace quern::detail {

enum class Match { none, partial, full };
/// Whether the text is, or may still become, the literal.
Match match_literal(std::string_view literal, std::string_view text);

struct CallOp {
  enum class Kind {
    literal,  // one of the targets stands here
    space,
    field,  // text up to one of the targets; `what` tells what it is
    value,  // text that shows by itself where it ends
    jump,   // go on at the target
  };
  struct Target {
    std::string literal;
    std::size_t next = 0;  // index of the op behind it
  };
  Kind kind{};
  char what = 0;
  std::vector<Target> targets = {};
};

/// The ops of a pattern, of which the last is followed by the end of the call. Requires: a pattern as above.
std::vector<CallOp> compile_call(std::string_view pattern);

}  // namespace quern::detail
