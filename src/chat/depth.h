#pragma once
#include "src/chat/machine.h"

namespace quern::detail::jinja {

/// One level deeper in the interpreter, until it goes out of scope: what bounds the stack.
class Machine::Depth {
 public:
  explicit Depth(Machine& machine) : machine_(machine) {
    if (++machine_.depth_ > machine_.limits_.eval_depth)
      machine_.fail(FailureKind::limit_depth, "expressions, blocks and calls are nested too deep");
  }
  ~Depth() { --machine_.depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  Machine& machine_;
};

}  // namespace quern::detail::jinja
