// Checks every runnable table's bits against the frozen ones, on machines without a test framework.
// With an argument: prints the hashes of the scalar table as lines for frozen_bits.h.
#include <cinttypes>
#include <cstdio>

#include "tests/kernels/frozen_bits.h"

using namespace quern::kernels;

int main(int argc, char**) {
  if (argc > 1) {
    for (const testing::NamedHash& hash : testing::hashes_of(*find_table("scalar")))
      std::printf("      {\"%s\", 0x%016" PRIx64 "u},\n", hash.name.c_str(), hash.hash);
    return 0;
  }
  const std::vector<testing::NamedHash> want = testing::frozen_hashes();
  const KernelTables all = runnable_tables();
  int failures = 0;
  for (std::size_t i = 0; i < all.size; ++i) {
    const std::vector<testing::NamedHash> got = testing::hashes_of(*all.tables[i]);
    for (std::size_t k = 0; k < got.size(); ++k)
      if (k >= want.size() || !(got[k] == want[k])) {
        std::printf("%s: %s differs\n", all.tables[i]->isa, got[k].name.c_str());
        ++failures;
      }
    std::printf("%s: %zu outputs checked\n", all.tables[i]->isa, got.size());
  }
  return failures == 0 ? 0 : 1;
}
