#include "tests/kernels/frozen_bits.h"

#include <gtest/gtest.h>

namespace quern::kernels::testing {
namespace {

TEST(FrozenBits, EveryTableGivesThem) {
  const std::vector<NamedHash> want = frozen_hashes();
  const KernelTables all = runnable_tables();
  for (std::size_t i = 0; i < all.size; ++i) {
    const std::vector<NamedHash> got = hashes_of(*all.tables[i]);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t k = 0; k < want.size(); ++k) {
      EXPECT_EQ(got[k].name, want[k].name);
      EXPECT_EQ(got[k].hash, want[k].hash) << all.tables[i]->isa << ": " << want[k].name;
    }
  }
}

}  // namespace
}  // namespace quern::kernels::testing
