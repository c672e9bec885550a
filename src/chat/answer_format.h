#pragma once
// The ways in which families of models write reasoning, content and tool calls, as data: one row a family.
#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace quern::detail {

/// Markers are literals of call_pattern.h; an empty one does not exist in the family. Lists are separated by
/// spaces.
struct FormatRow {
  /// When a name must be one of the offered tools for a call to be one; elsewhere the markers are enough.
  enum class Offered { never, without_block, always };

  std::string_view name{};
  std::array<std::string_view, 3>
      in_template{};  ///< the row is chosen where all of these occur; none: by name only

  std::string_view think_open{}, think_close{};
  bool think_if_in_template = false;  ///< there is reasoning only if the template has think_close
  bool think_again = false;           ///< it may open again after content

  std::string_view part_open{}, part_close{};  ///< around content

  std::string_view block{};    ///< around one or more calls
  std::string_view call{};     ///< a pattern of call_pattern.h
  std::string_view closers{};  ///< what may follow a call or a part, dropped there
  Offered offered = Offered::never;
  bool bare_json = false;           ///< the first "{" of a turn may begin a call
  std::string_view content_name{};  ///< the name that stands before content instead of a call
  std::string_view no_call_name{};  ///< the name of a call that means none

  /// A turn of several messages, each with a header that says what its body is.
  std::string_view message_open{}, header_end{}, message_close{};

  std::string_view ends{};  ///< where generation must stop, besides the file's own end tokens
};

/// In the order in which they are looked for.
std::span<const FormatRow> format_rows();
/// The words of a list.
std::vector<std::string_view> words(std::string_view list);

}  // namespace quern::detail
