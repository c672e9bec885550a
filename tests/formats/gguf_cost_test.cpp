// What a hostile file can make the reader spend: memory in proportion to its own size, and time not much
// worse.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "formats/model_file.h"
#include "tests/formats/allocated.h"
#include "tests/support/gguf_bytes.h"

namespace {
std::atomic<std::size_t> allocated_bytes{0};  // ever, by operator new, in the whole test program

void* counted(std::size_t n, std::size_t alignment) {
  allocated_bytes += n;
  void* memory = alignment > alignof(std::max_align_t)
                     ? std::aligned_alloc(alignment, (n + alignment - 1) / alignment * alignment)
                     : std::malloc(n == 0 ? 1 : n);
  if (!memory) throw std::bad_alloc();
  return memory;
}
}  // namespace

void* operator new(std::size_t n) { return counted(n, 0); }
void* operator new[](std::size_t n) { return counted(n, 0); }
void* operator new(std::size_t n, std::align_val_t alignment) {
  return counted(n, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t n, std::align_val_t alignment) {
  return counted(n, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

std::size_t quern::test::allocated_so_far() { return allocated_bytes; }

namespace quern::formats {
namespace {

using test::gguf;
using test::GgufBytes;

std::size_t cost_of_opening(std::span<const std::byte> bytes) {
  const std::size_t before = allocated_bytes;
  const auto model = ModelFile::from_bytes(bytes);
  return allocated_bytes - before;
}

TEST(GgufCost, ASmallFileCostsLittleWhateverItClaims) {
  constexpr std::uint64_t many = 1ull << 40;
  const GgufBytes claims[] = {
      gguf().n_tensors(many).data(176),
      gguf().n_tensors(7).n_kv(13).data(176),
      gguf().n_kv(many).data(176),
      gguf().raw_kv("k", 8, std::string(8, '\x3f')).data(150),
      gguf().array_kv("k", 8, 18, "").data(150),
      gguf().array_kv("k", 8, 1 << 26, "").data(150),
      gguf().array_kv("k", 0, 1 << 26, "").data(150),
      gguf().tensor("w", {1ull << 40}).data(100),
      gguf().kv("general.alignment", 1u << 20).tensor("w", {1ull << 20}).data(100),
  };
  for (const GgufBytes& claim : claims) {
    const auto bytes = claim.bytes();
    ASSERT_LE(bytes.size(), 256u);
    EXPECT_LE(cost_of_opening(bytes), 64u << 10);
  }
}

TEST(GgufCost, AFileOfEntriesAtTheirSmallestCostsAFewTimesItsSize) {
  GgufBytes keys, infos, texts;
  for (int i = 0; i < 60000; ++i) keys.kv(std::to_string(i), true);
  for (int i = 0; i < 60000; ++i)
    infos.tensor(std::to_string(i), {1}, TensorType::i8, static_cast<std::uint64_t>(i) * 32);
  texts.kv("k", std::vector<std::string>(500000));
  for (const GgufBytes& file : {keys, infos.data(60000 * 32), texts}) {
    const auto bytes = file.bytes();
    EXPECT_LE(cost_of_opening(bytes), 24 * bytes.size() + (2u << 20));
  }
}

// With a quadratic look for duplicates or overlaps this test would not end.
TEST(GgufCost, HundredThousandsOfNamesTakeNoTimeToSpeakOf) {
  GgufBytes file;
  constexpr std::uint64_t n_tensors = 300000;
  for (int i = 0; i < 65536; ++i) file.kv(std::string(200, 'k') + std::to_string(i), true);
  for (std::uint64_t i = 0; i < n_tensors; ++i)
    file.tensor(std::string(100, 'n') + std::to_string(i), {1}, TensorType::i8, (n_tensors - 1 - i) * 32);
  const auto bytes = file.data(n_tensors * 32).bytes();
  const auto model = ModelFile::from_bytes(bytes);
  ASSERT_TRUE(model.has_value()) << model.error().message;
  ASSERT_NE(model->find(std::string(100, 'n') + "123456"), nullptr);
}

}  // namespace
}  // namespace quern::formats
