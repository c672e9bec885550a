#pragma once
// Ctrl-C as a std::stop_token.
#include <stop_token>
#include <thread>

namespace examples {

/// While it lives, the first Ctrl-C triggers token(), and the second ends the program at once unless it is to
/// be ignored; SIGTERM is as Ctrl-C where that ends the program. Afterwards both do what they did before. One
/// at a time in a program.
class Interrupt {
 public:
  enum class Again { ends, ignored };  ///< what the second Ctrl-C does
  explicit Interrupt(Again again = Again::ends);
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  std::stop_token token() const { return source_.get_token(); }
  /// Whether one came to the latest of them, which may be gone by now.
  static bool came();

 private:
  std::stop_source source_;
  const bool ends_;
  void (*before_int_)(int) = nullptr;
  void (*before_term_)(int) = nullptr;
  std::jthread watcher_;  // a signal handler may do no more than set a flag; this thread looks at it
};

}  // namespace examples
