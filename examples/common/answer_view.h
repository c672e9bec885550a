#pragma once
// An answer on standard output, as it comes.
#include <string_view>

#include "quern/answer.h"

namespace examples {

/// At a terminal reasoning is shown dimmed; a pipe gets the answer alone. Calls of tools are lines of JSON.
class AnswerView {
 public:
  explicit AnswerView(bool terminal) : terminal_(terminal) {}

  void show(const quern::AnswerPieces& pieces);
  /// Ends the line. `whole`: there was an answer, if only an empty one, which is an empty line in a pipe.
  void end(bool whole);

 private:
  void write(std::string_view text, bool dim);

  const bool terminal_;
  bool dim_ = false, any_ = false;
  char last_ = '\n';
};

}  // namespace examples
