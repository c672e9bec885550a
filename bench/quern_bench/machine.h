#pragma once
// The machine and the program, in words that may be sent around: nothing names the host, its user or folders.
#include <string>

namespace quern::bench {

struct Machine {
  std::string cpu;       ///< as the CPU calls itself
  std::string system;    ///< "Linux 6.1.0, x86_64"
  std::string compiler;  ///< of this program
  std::string isa;       ///< the kernels in use
  int n_cores = 0;       ///< that this process may use
  double memory_gib = 0;
  double l2_mib = 0, l3_mib = 0;  ///< as the system tells them; 0: it does not
};
Machine describe_machine(const std::string& isa);

}  // namespace quern::bench
