#pragma once
// Finds stop strings in text that arrives in pieces, and holds text back only while it may still become one.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quern/result.h"

namespace quern::detail {

/// The stop string that is complete first wins, the longest of those that end together, so that the result
/// does not depend on how the text was cut into pieces. One thread at a time.
class StopStrings {
 public:
  /// Error invalid_argument for a stop string that is empty or not UTF-8 (cutting there could split a
  /// character).
  static Result<StopStrings> create(std::vector<std::string> stops);

  /// Takes the next piece and gives what is certain to come before any stop string. Requires: !found().
  std::string push(std::string_view piece);
  /// What is still held back; empty once a stop string was found.
  std::string finish();
  /// The stop string that was met.
  const std::optional<std::string>& found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::size_t longest_ = 0;
  std::string held_;
  std::optional<std::string> found_;
};

}  // namespace quern::detail
