#include "common/interrupt.h"

#include <chrono>
#include <csignal>

namespace examples {
namespace {

volatile std::sig_atomic_t interrupted = 0, ends_when_repeated = 0;

extern "C" void on_signal(int signal) {
  interrupted = 1;
  std::signal(signal, ends_when_repeated != 0 ? SIG_DFL : SIG_IGN);
}

}  // namespace

Interrupt::Interrupt(Again again) : ends_(again == Again::ends) {
  interrupted = 0;
  ends_when_repeated = ends_ ? 1 : 0;
  before_int_ = std::signal(SIGINT, on_signal);
  if (ends_) before_term_ = std::signal(SIGTERM, on_signal);
  watcher_ = std::jthread([this](const std::stop_token& done) {
    using namespace std::chrono_literals;
    for (; !done.stop_requested(); std::this_thread::sleep_for(10ms))
      if (interrupted != 0) source_.request_stop();
  });
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, before_int_);
  if (ends_) std::signal(SIGTERM, before_term_);
}

}  // namespace examples
