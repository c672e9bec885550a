#include "common/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace examples {

ProgressBar::ProgressBar(std::string what) : what_(std::move(what)), terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressBar::show(double fraction) {
  using namespace std::chrono_literals;
  const Clock::time_point now = Clock::now();
  if (!terminal_) return;
  if (fraction >= 1) return clear();
  if (now - start_ < 1s || now - last_ < 100ms) return;
  constexpr int width = 40;
  const int done = static_cast<int>(fraction * width);
  std::fprintf(stderr, "\r%s [%s%s] %3.0f%%", what_.c_str(),
               std::string(static_cast<std::size_t>(done), '#').c_str(),
               std::string(static_cast<std::size_t>(width - done), '.').c_str(), fraction * 100);
  last_ = now;
  shown_ = true;
}

void ProgressBar::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

}  // namespace examples
