#include "common/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
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
  // A line that is wider than the terminal could not be written over.
  constexpr int most = 40, around = 10;
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  const int room = known ? size.ws_col - around - static_cast<int>(what_.size()) : most;
  const auto width = static_cast<std::size_t>(std::clamp(room, 0, most));
  const auto done = static_cast<std::size_t>(fraction * static_cast<double>(width));
  const std::string bar = std::string(done, '#') + std::string(width - done, '.');
  std::fprintf(stderr, "\r%s [%s] %3.0f%%", what_.c_str(), bar.c_str(), fraction * 100);
  last_ = now;
  shown_ = true;
}

void ProgressBar::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

}  // namespace examples
