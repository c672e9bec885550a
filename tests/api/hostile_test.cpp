// Damaged copies of a good model: each is refused with an error, or runs. Nothing else may happen, which the
// sanitizers watch.
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "tests/api/golden_model.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/scratch_folder.h"

namespace quern {
namespace {

std::vector<std::byte> file_bytes(const std::filesystem::path& path) {
  std::vector<std::byte> bytes(std::filesystem::file_size(path));
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

/// True if the file was refused, which plan() and open() must agree on as far as the header goes.
bool is_refused(const std::filesystem::path& path, const std::string& what) {
  const SessionOptions small{.n_ctx = 32, .threads = 1, .batch = 8};
  const auto plan = Model::plan(path, small);
  const auto model = Model::open(path);
  if (!model) {
    EXPECT_FALSE(model.error().message.empty()) << what;
    EXPECT_FALSE(plan && model.error().field.starts_with("tokenizer.")) << what;
    return true;
  }
  auto session = model->new_session(small);
  EXPECT_EQ(plan.has_value(), session.has_value()) << what;
  if (!session) return true;
  GenerateOptions options = test::greedy(3);
  options.parse_special = true;
  // Whatever the weights and the vocabulary say now, the outcome is text or an error.
  const auto done = session->generate("ab \u20AC </s>", options);
  if (!done) {
    EXPECT_FALSE(done.error().message.empty()) << what;
  }
  return false;
}

TEST(Hostile, ChangedBytesAreRefusedOrHarmless) {
  const test::ScratchFolder folder;
  const auto path = folder / "changed.gguf";
  const std::vector<std::byte> good = file_bytes(test::golden_path("llama.gguf"));
  const std::size_t header_bytes =
      inspect(test::golden_path("llama.gguf")).value().tensors.front().file_offset;
  std::mt19937 random(20);
  int n_refused = 0;
  constexpr int n_rounds = 400;
  for (int round = 0; round < n_rounds; ++round) {
    std::vector<std::byte> bytes = good;
    for (std::size_t n = 1 + random() % 3; n > 0; --n) {
      // Mostly the header; every eighth change goes into the weights.
      const std::size_t at = random() % 8 == 0 ? random() % bytes.size() : random() % header_bytes;
      constexpr unsigned char telling[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
      bytes[at] = std::byte{random() % 2 == 0 ? telling[random() % 5] : static_cast<unsigned char>(random())};
    }
    test::write_file(path, bytes);
    n_refused += is_refused(path, "seed 20, round " + std::to_string(round));
  }
  EXPECT_GT(n_refused, n_rounds / 20);
  EXPECT_LT(n_refused, n_rounds);
}

}  // namespace
}  // namespace quern
