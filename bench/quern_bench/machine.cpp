#include "bench/quern_bench/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "formats/try.h"
#include "src/base/parallel.h"

namespace quern::bench {
namespace {

using formats::cat;

// x86-64 CPUs have a name; AArch64 ones tell who made them and which core it is.
std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  std::map<std::string, std::string> first;  // of the first processor that says so
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(": "), end = line.find_last_not_of(" \t", colon - 1);
    if (colon != std::string::npos) first.emplace(line.substr(0, end + 1), line.substr(colon + 2));
  }
  if (first.contains("model name")) return first["model name"];
  if (first.contains("CPU part"))
    return cat("AArch64, implementer ", first["CPU implementer"], ", part ", first["CPU part"]);
  return "unknown CPU";
}

double known(long value) { return value > 0 ? static_cast<double>(value) : 0; }

}  // namespace

Machine describe_machine(const std::string& isa) {
  Machine machine;
  machine.cpu = cpu_name();
  machine.isa = isa;
  machine.n_cores = detail::usable_threads();
  utsname system{};
  if (::uname(&system) == 0) machine.system = cat(system.sysname, " ", system.release, ", ", system.machine);
#if defined(__clang__)
  machine.compiler = "Clang " __clang_version__;
#else
  machine.compiler = "GCC " __VERSION__;
#endif
  machine.memory_gib = known(::sysconf(_SC_PHYS_PAGES)) * known(::sysconf(_SC_PAGESIZE)) / (1u << 30);
  machine.l2_mib = known(::sysconf(_SC_LEVEL2_CACHE_SIZE)) / (1u << 20);
  machine.l3_mib = known(::sysconf(_SC_LEVEL3_CACHE_SIZE)) / (1u << 20);
  return machine;
}

}  // namespace quern::bench
