// Attention over a cache of each type: 8 query heads of one token that share a key and value head, and a tile
// of a prompt. Keys and values are read once; two multiply-adds in single precision for every value of them
// and query. And writing the cache.
#include <memory>
#include <vector>

#include "bench/kernel_bench.h"
#include "tests/kernels/inputs.h"

namespace {

using namespace quern;
using namespace quern::kernels;
using bench::KernelCase;
using kernels::testing::Random;

constexpr std::size_t dim = 128;

struct Cache {
  Cache(KvType type, std::size_t n_positions) : row_bytes(kv_row_bytes(type, dim)) {
    Random random(2);
    keys.resize(n_positions * row_bytes);
    values.resize(n_positions * row_bytes);
    const KernelTable& plain = *find_table("scalar");
    for (std::size_t p = 0; p < n_positions; ++p) {
      plain.store_key(type, random.bells(dim).data(), dim, keys.data() + p / kv_block * kv_block * row_bytes,
                      p % kv_block);
      plain.store_kv(type, random.bells(dim).data(), dim, values.data() + p * row_bytes);
    }
    for (std::size_t b = 0; b < n_positions / kv_block; ++b) {
      k_blocks.push_back(keys.data() + b * kv_block * row_bytes);
      v_blocks.push_back(values.data() + b * kv_block * row_bytes);
    }
  }
  std::size_t row_bytes;
  std::vector<std::byte> keys, values;
  std::vector<const std::byte*> k_blocks, v_blocks;
};

KernelCase attend(KvType type, std::size_t n_positions, std::size_t n_queries) {
  struct State {
    Cache cache;
    std::vector<float> q, out;
    std::vector<AttentionQuery> queries;
    std::shared_ptr<std::byte> scratch;
  };
  const auto state = std::make_shared<State>(State{Cache(type, n_positions), {}, {}, {}, {}});
  state->q = Random(3).bells(n_queries * dim);
  state->out.resize(n_queries * dim);
  for (std::size_t i = 0; i < n_queries; ++i) {
    AttentionQuery& query = state->queries.emplace_back();
    query.q = state->q.data() + i * dim;
    query.out = state->out.data() + i * dim;
    query.end = static_cast<std::int64_t>(n_positions);
  }
  std::size_t scratch_bytes = 64;
  for (const KernelTable* table : kernels::testing::tables())
    scratch_bytes = std::max(scratch_bytes, table->attention_scratch_bytes(dim, dim));
  state->scratch = bench::aligned_bytes(scratch_bytes);
  KvHead kv;
  kv.type = type;
  kv.key_order = KeyOrder::turned;
  kv.k_blocks = state->cache.k_blocks.data();
  kv.v_blocks = state->cache.v_blocks.data();
  kv.k_row_bytes = kv.v_row_bytes = state->cache.row_bytes;
  kv.k_dim = kv.v_dim = dim;
  kv.scale = 0.1f;

  KernelCase out;
  out.work.fp32_ops = 4.0 * static_cast<double>(n_positions * dim * n_queries);
  out.work.bytes = static_cast<double>(state->cache.keys.size() + state->cache.values.size());
  out.run = [state, kv](const KernelTable& table) {
    table.attend(kv, state->queries.data(), state->queries.size(), state->scratch.get());
  };
  out.result = [state] { return std::as_bytes(std::span(state->out)); };
  return out;
}

KernelCase store(KvType type, std::size_t n) {
  const auto x = std::make_shared<std::vector<float>>(Random(4).bells(n));
  const auto row = std::make_shared<std::vector<std::byte>>(kv_row_bytes(type, n));
  KernelCase out;
  out.work.bytes = static_cast<double>(n * sizeof(float));
  out.run = [=](const KernelTable& table) { table.store_kv(type, x->data(), n, row->data()); };
  out.result = [row] { return std::span<const std::byte>(*row); };
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& [name, type] : {std::pair<std::string, KvType>{"F32", KvType::f32},
                                   {"F16", KvType::f16},
                                   {"BF16", KvType::bf16},
                                   {"Q8_0", KvType::q8_0}}) {
    for (const std::size_t n_queries : {8u, 128u})
      bench::add_benchmark("attend/" + name, "4096x" + std::to_string(n_queries),
                           [=, type = type] { return attend(type, 4096, n_queries); });
    bench::add_benchmark("store_kv/" + name, "262144", [type = type] { return store(type, 262144); });
  }
  return bench::run_benchmarks(argc, argv);
}
