#include "common/interrupt.h"

#include <atomic>
#include <chrono>
#include <csignal>

namespace examples {
namespace {

// A handler may touch what is free of locks, and a thread watches.
std::atomic<bool> interrupted, ends_when_repeated;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_signal(int signal) {
  interrupted = true;
  std::signal(signal, ends_when_repeated ? SIG_DFL : SIG_IGN);
}

}  // namespace

Interrupt::Interrupt(Again again) : ends_(again == Again::ends) {
  interrupted = false;
  ends_when_repeated = ends_;
  before_int_ = std::signal(SIGINT, on_signal);
  if (ends_) before_term_ = std::signal(SIGTERM, on_signal);
  watcher_ = std::jthread([this](const std::stop_token& done) {
    using namespace std::chrono_literals;
    for (; !done.stop_requested(); std::this_thread::sleep_for(10ms))
      if (interrupted) source_.request_stop();
  });
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, before_int_);
  if (ends_) std::signal(SIGTERM, before_term_);
}

bool Interrupt::came() { return interrupted; }

}  // namespace examples
