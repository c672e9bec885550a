// The plan made from a header against what is really allocated, counted at operator new.
#include "src/runtime/memory_plan.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/engine/golden.h"

namespace {
std::atomic<std::uint64_t> allocated_bytes{0};
}

// Every block is a multiple of its alignment from aligned_alloc, so that one free() serves them all.
static void* allocate(std::size_t n, std::size_t alignment) {
  allocated_bytes += n;
  return std::aligned_alloc(alignment, (n + alignment) / alignment * alignment);
}
void* operator new(std::size_t n) {
  if (void* memory = allocate(n, alignof(std::max_align_t))) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t n, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(n, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }

namespace quern::test {
namespace {

using detail::LoadedModel;
using detail::MemoryPlan;
using detail::Sequence;
using detail::SequenceOptions;
using kernels::KvType;

class Plan : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Plan, FromTheHeaderEqualsWhatIsAllocated) {
  const auto golden = load_golden(GetParam().first, GetParam().second);
  if (!golden) GTEST_SKIP() << "no golden file here";
  const auto header =
      formats::ModelFile::open(golden->gguf, {.access = formats::ModelFileOptions::Access::header_only})
          .value();
  const auto spec = detail::read_model_spec(header).value();
  const auto model = LoadedModel::open(golden->gguf).value();
  for (const SequenceOptions& options :
       {SequenceOptions{}, SequenceOptions{.n_ctx = 100, .kv_type = KvType::f32, .threads = 3, .batch = 7},
        SequenceOptions{.kv_type = KvType::bf16, .threads = 1, .batch = 64}}) {
    const MemoryPlan plan = detail::plan_memory(spec, options, model->kernels()).value();
    const std::uint64_t before = allocated_bytes;
    auto sequence = Sequence::create(model, options).value();
    const auto taken = double(allocated_bytes - before), planned = double(plan.kv_bytes + plan.scratch_bytes);
    EXPECT_NEAR(taken, planned, 0.02 * planned);
    EXPECT_EQ(sequence.kv_bytes(), plan.kv_bytes);
    EXPECT_EQ(sequence.scratch_bytes(), plan.scratch_bytes);

    // Nothing is allocated per token.
    sequence.evaluate(std::span(golden->tokens).first(8)).value();
    const std::uint64_t warm = allocated_bytes;
    for (const Token token : std::span(golden->tokens).subspan(8))
      sequence.evaluate(std::span(&token, 1)).value();
    EXPECT_EQ(allocated_bytes, warm);
  }
  std::uint64_t file_bytes = 0;
  for (const formats::Tensor& tensor : header.tensors()) file_bytes += tensor.n_bytes;
  const MemoryPlan plan = detail::plan_memory(spec, {}, model->kernels()).value();
  EXPECT_EQ(plan.weight_bytes, file_bytes);
  EXPECT_EQ(plan.private_weight_bytes, model->vector_memory().size_bytes());
}

INSTANTIATE_TEST_SUITE_P(Models, Plan,
                         testing::Values(std::pair{"models", "llama"}, std::pair{"models", "mixtral"},
                                         std::pair{"models", "qwen2moe"}, std::pair{"models", "gemma3"},
                                         std::pair{"models", "deepseek2"},
                                         std::pair{"models", "deepseek2-lite"}, std::pair{"models", "mamba2"},
                                         std::pair{"models", "falcon-h1"}, std::pair{"models", "qwen3next"},
                                         std::pair{"models", "lfm2"}, std::pair{"quantized", "Q4_K"},
                                         std::pair{"quantized", "Q8_0"}));

TEST(Plan, CountsOnlyTheExpertsThatATokenUses) {
  const auto golden = load_golden("models", "mixtral");
  const auto model = LoadedModel::open(golden->gguf).value();
  const MemoryPlan plan = detail::plan_memory(model->spec(), {}, model->kernels()).value();
  // 8 experts in 3 layers, 2 used: three matrices of 64 x 32 floats each are not read for 6 of them.
  const std::uint64_t unused = 3 * 6 * 3 * 64 * 32 * sizeof(float);
  const std::uint64_t other_rows = 319 * 64 * sizeof(float);  // of token_embd
  EXPECT_EQ(plan.bytes_read_per_token, plan.weight_bytes - unused - other_rows);
}

TEST(Plan, RefusesSizesOutOfRange) {
  const auto golden = load_golden("models", "llama");
  const auto model = LoadedModel::open(golden->gguf).value();
  const auto field_of = [&](const SequenceOptions& options) {
    const auto plan = detail::plan_memory(model->spec(), options, model->kernels());
    const auto sequence = Sequence::create(model, options);
    EXPECT_FALSE(sequence);
    return plan ? "no error" : plan.error().field;
  };
  EXPECT_EQ(field_of({.n_ctx = std::size_t{1} << 31}), "n_ctx");
  EXPECT_EQ(field_of({.threads = -1}), "threads");
  EXPECT_EQ(field_of({.threads = 100000}), "threads");
  EXPECT_EQ(field_of({.batch = 0}), "batch");
  EXPECT_EQ(field_of({.kv_type = KvType::q8_0}), "kv_type");  // heads of 16 values
}

TEST(Plan, AContextThatScalesMayBeLongerThanTrained) {
  const auto golden = load_golden("models", "llama-yarn");
  const auto model = LoadedModel::open(golden->gguf).value();
  EXPECT_EQ(detail::plan_memory(model->spec(), {.n_ctx = 4096}, model->kernels()).value().n_ctx, 4096u);
}

}  // namespace
}  // namespace quern::test
