#pragma once
// A progress bar on standard error, where that is a terminal and the work takes longer than a second.
#include <chrono>
#include <functional>
#include <string>

namespace examples {

/// One thread at a time.
class ProgressBar {
 public:
  explicit ProgressBar(std::string what);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { clear(); }

  /// Fraction done, 0 to 1; at 1 the bar goes away.
  void show(double fraction);
  void clear();
  /// For the `progress` members of Quern's options. The bar must outlive it.
  std::function<void(double)> callback() {
    return [this](double fraction) { show(fraction); };
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  bool terminal_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

}  // namespace examples
