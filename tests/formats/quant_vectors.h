#pragma once
// Reads the stored vectors of tests/data/quants.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "formats/tensor_type.h"
#include "tests/support/files.h"

namespace quern::formats {
inline void PrintTo(const TensorTypeInfo& info, std::ostream* out) { *out << info.name; }
}  // namespace quern::formats

namespace quern::test {

inline std::filesystem::path quants_dir() { return std::filesystem::path(QUERN_TEST_DATA_DIR) / "quants"; }

inline std::vector<float> read_floats(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_bytes(path);
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

inline std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

}  // namespace quern::test
