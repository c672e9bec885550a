#pragma once
// Ctrl-C as a std::stop_token.
#include <stop_token>
#include <thread>

namespace examples {

/// While it lives, the first Ctrl-C (or SIGTERM) triggers token(), and the second ends the program at once.
/// One at a time in a program.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::jthread watcher_;  // a signal handler may do no more than set a flag; this thread looks at it
};

}  // namespace examples
