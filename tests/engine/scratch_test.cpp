// Buffers of a forward pass that are alive together lie apart, though others share memory. What is alive when
// is stated here once more, from what each layer's computation reads and writes.
#include "src/runtime/scratch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/engine/golden.h"

namespace quern::test {
namespace {

using namespace detail;

constexpr ScratchSizes sizes{.batch = 7, .logit_rows = 3, .n_threads = 3, .n_positions = 90};
constexpr std::size_t n_rows = sizes.batch;

struct Block {
  const char* name;
  const std::byte *begin, *end;
};
using Blocks = std::vector<Block>;

template <typename T>
void add(Blocks& blocks, const char* name, const T* begin, std::size_t n) {
  if (n == 0) return;
  ASSERT_NE(begin, nullptr) << name;
  blocks.push_back(
      {name, reinterpret_cast<const std::byte*>(begin), reinterpret_cast<const std::byte*>(begin + n)});
}

// n packed values as `matrix` reads them; nothing where it reads floats.
void add_packed(Blocks& blocks, const char* name, const Matrix& matrix, const Packed& packed, std::size_t n) {
  if (!matrix) return;
  const kernels::ActivationKind kind = kernels::activation_kind(matrix.tensor->type);
  if (kind == kernels::ActivationKind::f32) return;
  const PackedRows& rows = kind == kernels::ActivationKind::q8_32 ? packed.q8_32 : packed.q8_128;
  add(blocks, name, rows.codes, n);
  add(blocks, name, rows.scales, n / kernels::activation_group(kind));
  add(blocks, name, rows.sums, n / 16);
}

// Alive through the whole pass, and what threads have of their own.
Blocks of_pass(const Scratch& s, const ModelSpec& spec) {
  const std::size_t dim = spec.dim;
  Blocks b;
  add(b, "tokens", s.tokens, n_rows);
  add(b, "run_of", s.run_of, n_rows);
  add(b, "runs", s.runs, n_rows);
  add(b, "chunks", s.chunks, n_rows);
  add(b, "wanted", s.wanted, n_rows);
  add(b, "x", s.x, n_rows * dim);
  add(b, "mixer_in", s.mixer_in, n_rows * dim);
  add(b, "mixed", s.mixed, n_rows * dim);
  for (std::size_t i = 0; i < spec.ropes.size(); ++i) {
    add(b, "cos_sin", s.cos_sin[i], n_rows * spec.ropes[i].n_rot);
    for (const std::size_t which : {2 * i, 2 * i + 1})
      add(b, "frequencies", s.frequencies[which], spec.ropes[i].n_rot / 2);
  }
  add(b, "logits", s.logits, sizes.logit_rows * spec.n_vocab);
  add(b, "matmul", s.matmul, sizes.n_threads * s.matmul_bytes);
  add(b, "own_x", s.own_x, sizes.n_threads * s.own_cols);
  add(b, "tile_results", s.tile_results(0), sizes.n_threads * 2 * s.tile_floats);
  return b;
}

void add_attention(Blocks& b, const Scratch& s, const AttentionSpec& a) {
  add(b, "q", s.q, n_rows * a.n_heads * a.q_stride());
  if (!a.cross) add(b, "k", s.k, n_rows * a.n_kv_heads * a.k_dim);
  if (!a.cross && !a.latent) add(b, "v", s.v, n_rows * a.n_kv_heads * a.v_dim);
  add(b, "attended", s.attended, n_rows * a.n_heads * a.v_dim);
  add(b, "queries", s.queries, sizes.n_threads * s.queries_per_tile);
  add(b, "biases", s.biases, sizes.n_threads * s.heads_per_tile * s.bias_stride);
  add(b, "attention", s.attention, sizes.n_threads * s.attention_bytes);
  add(b, "records", s.records, s.n_records);
  const bool has_low = a.latent && a.latent->q_down;
  const Matrix& widest_reader = has_low && a.q.n_cols > a.output.n_cols ? a.q : a.output;
  add_packed(b, "packed", widest_reader, s.packed, n_rows * widest_reader.n_cols);
  if (!a.latent) return;
  if (has_low) add(b, "q_low", s.q_low, n_rows * a.q.n_cols);
  add(b, "head_wide", s.head_wide, n_rows * std::max(a.q.n_rows, a.output.n_cols));
  add(b, "q_nope", s.q_nope, n_rows * a.n_heads * a.latent->n_nope);
  add(b, "head_rows", s.head_rows, n_rows);
}

void add_recurrence(Blocks& b, const Scratch& s, const Matrix& in, const ConvSpec& conv, const Matrix& out,
                    std::size_t n_heads) {
  add(b, "conv_in", s.conv_in, n_rows * in.n_rows);
  add(b, "conv_out", s.conv_out, n_rows * conv.n_channels);
  add(b, "head_out", s.head_out, n_rows * out.n_cols);
  add(b, "gates_in", s.gates_in, n_rows * 2 * n_heads);
  add(b, "gates", s.gates, n_rows * 2 * n_heads);
  add_packed(b, "packed head_out", out, s.packed, n_rows * out.n_cols);
}

struct AddMixer {
  Blocks& b;
  const Scratch& s;
  void operator()(const AttentionSpec& a) const { add_attention(b, s, a); }
  void operator()(const ShortConvSpec& c) const { add_recurrence(b, s, c.in, c.conv, c.out, 0); }
  void operator()(const DeltaNetSpec& d) const {
    add_recurrence(b, s, d.qkv, d.conv, d.output, d.n_value_heads);
    add(b, "conv_gate", s.conv_gate, n_rows * d.output.n_cols);
  }
  void operator()(const StateSpaceSpec& p) const { add_recurrence(b, s, p.in, p.conv, p.out, p.n_heads); }
};

void add_hidden(Blocks& b, const Scratch& s, const DenseSpec& d, std::size_t n) {
  if (!d.up) return;
  add_packed(b, "packed ffn_in", d.up, s.packed, n_rows * d.up.n_cols);
  add_packed(b, "packed_hidden", d.down, s.packed_hidden, n * d.down.n_cols);
  if (kernels::activation_kind(d.down.tensor->type) == kernels::ActivationKind::f32)
    add(b, "hidden", s.hidden, n * d.down.n_cols);
}

struct AddFeedForward {
  Blocks& b;
  const Scratch& s;
  const std::size_t dim;
  void operator()(const DenseSpec& d) const { add_hidden(b, s, d, n_rows); }
  void operator()(const ExpertsSpec& e) const {
    const std::size_t slots = n_rows * e.n_used;
    add_hidden(b, s, e.expert, slots);
    add(b, "router", s.router, n_rows * e.n_experts);
    add(b, "router_scores", s.router_scores, n_rows * e.n_experts);
    add(b, "chosen", s.chosen, slots);
    add(b, "chosen_weights", s.chosen_weights, slots);
    add(b, "slot_of", s.slot_of, slots);
    add(b, "slot_token", s.slot_token, slots);
    add(b, "slot_index", s.slot_index, slots);
    add(b, "expert_begin", s.expert_begin, e.n_experts + 1);
    add(b, "active_experts", s.active_experts, e.n_experts);
    add(b, "slot_out", s.slot_out, slots * dim);
    add(b, "shared_gate", s.shared_gate, n_rows);
  }
};

void expect_apart(Blocks blocks, const std::byte* begin, const std::byte* end) {
  std::ranges::sort(blocks, {}, &Block::begin);
  EXPECT_GE(blocks.front().begin, begin);
  for (std::size_t i = 0; i + 1 < blocks.size(); ++i)
    EXPECT_LE(blocks[i].end, blocks[i + 1].begin) << blocks[i].name << " and " << blocks[i + 1].name;
  EXPECT_LE(std::ranges::max(blocks, {}, &Block::end).end, end);
}

class ScratchLayout : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(ScratchLayout, WhatIsAliveTogetherLiesApart) {
  const auto golden = load_golden(GetParam().first, GetParam().second);
  if (!golden) GTEST_SKIP() << "no golden file here";
  const auto model = LoadedModel::open(golden->gguf).value();
  const ModelSpec& spec = model->spec();
  Scratch s = plan_scratch(spec, sizes, model->kernels());
  const std::uint64_t n_bytes = s.place(nullptr, spec, model->kernels());
  const AlignedMemory memory = allocate_aligned(n_bytes);
  ASSERT_EQ(s.place(memory.get(), spec, model->kernels()), n_bytes);
  const std::byte* const end = memory.get() + n_bytes;

  const Blocks pass = of_pass(s, spec);
  expect_apart(pass, memory.get(), end);
  std::vector<LayerSpec> layers = spec.layers;
  layers.insert(layers.end(), spec.encoder.begin(), spec.encoder.end());
  for (const LayerSpec& layer : layers) {
    Blocks mixer = pass;
    std::visit(AddMixer{mixer, s}, layer.mixer);
    if (layer.parallel && layer.ffn_norm) add(mixer, "ffn_in", s.ffn_in, n_rows * spec.dim);
    expect_apart(mixer, memory.get(), end);
    if (layer.beside) {
      Blocks beside = pass;
      AddMixer{beside, s}(*layer.beside);
      add(beside, "beside", s.beside, n_rows * spec.dim);
      expect_apart(beside, memory.get(), end);
    }
    if (layer.cross) {
      Blocks cross = pass;
      add_attention(cross, s, *layer.cross);
      expect_apart(cross, memory.get(), end);
    }
    Blocks ffn = pass;
    std::visit(AddFeedForward{ffn, s, spec.dim}, layer.ffn);
    expect_apart(ffn, memory.get(), end);
  }
  for (const auto* heads : {&spec.embedding.dense, &spec.embedding.rank}) {
    for (const HeadLayer& head : *heads) {
      Blocks pooling = pass;
      add_packed(pooling, "packed", head.matrix, s.packed, n_rows * head.matrix.n_cols);
      for (const float* rows : s.pooled) add(pooling, "pooled", rows, n_rows * head.matrix.n_rows);
      expect_apart(pooling, memory.get(), end);
    }
  }
}

TEST(Scratch, HasRoomForTheInputOfAQueryOfAnyRank) {
  const auto golden = load_golden("models", "deepseek2");
  ASSERT_TRUE(golden);
  const auto model = LoadedModel::open(golden->gguf).value();
  ModelSpec spec = model->spec();
  auto& attention = std::get<AttentionSpec>(spec.layers[0].mixer);
  ASSERT_TRUE(attention.latent->q_down);
  formats::Tensor tensor = *attention.q.tensor;
  tensor.type = formats::TensorType::q8_0;
  attention.q.tensor = &tensor;
  attention.q.n_cols = std::uint64_t{100} * spec.dim;
  Scratch s = plan_scratch(spec, sizes, model->kernels());
  const AlignedMemory memory = allocate_aligned(s.place(nullptr, spec, model->kernels()));
  const std::uint64_t n_bytes = s.place(memory.get(), spec, model->kernels());
  Blocks blocks = of_pass(s, spec);
  add_attention(blocks, s, attention);
  expect_apart(blocks, memory.get(), memory.get() + n_bytes);
}

INSTANTIATE_TEST_SUITE_P(Models, ScratchLayout,
                         testing::Values(std::pair{"models", "llama"}, std::pair{"models", "falcon"},
                                         std::pair{"models", "qwen2moe"}, std::pair{"models", "gemma3"},
                                         std::pair{"models", "deepseek2"},
                                         std::pair{"models", "deepseek2-lite"}, std::pair{"models", "mamba2"},
                                         std::pair{"models", "falcon-h1"}, std::pair{"models", "qwen3next"},
                                         std::pair{"models", "lfm2"}, std::pair{"models", "t5"},
                                         std::pair{"models", "modern-bert"}, std::pair{"models", "bert"},
                                         std::pair{"quantized", "Q4_K"}, std::pair{"quantized", "Q8_0"}));

}  // namespace
}  // namespace quern::test
