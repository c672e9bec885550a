// The sampling chain over a whole vocabulary: chain/distribution/instruction set. The target for the usual
// chains is well under a millisecond at 262144 tokens. `sort` is a full sort of the vocabulary, for scale.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "src/base/philox.h"
#include "src/sampling/chain.h"

namespace {

using namespace quern;

constexpr int n_vocab = 262144;

// Normal logits with this standard deviation, by Box and Muller; `raised` of them are lifted as a model lifts
// the few continuations it believes in.
std::vector<float> normal_logits(double deviation, int raised) {
  std::vector<float> logits(n_vocab);
  for (std::uint32_t i = 0; i < logits.size(); ++i) {
    const detail::PhiloxCounter w = detail::philox({i, 0, 0, 0}, {7, 0});
    const auto uniform = [](std::uint32_t word) { return (word + 0.5) * 0x1p-32; };
    logits[i] = static_cast<float>(deviation * std::sqrt(-2 * std::log(uniform(w[0]))) *
                                   std::cos(6.283185307 * uniform(w[1])));
    if (static_cast<int>(w[2] % n_vocab) < raised) logits[i] += static_cast<float>(8 + 8 * uniform(w[3]));
  }
  return logits;
}

struct Distribution {
  const char* name;
  std::vector<float> logits;
};

SamplerOptions neutral() {
  return {.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0, .dry_sequence_breakers = {}};
}

SamplerOptions with(void (*change)(SamplerOptions&)) {
  SamplerOptions options = neutral();
  change(options);
  return options;
}

void run_chain(benchmark::State& state, const SamplerOptions& options, const std::vector<float>& logits,
               const kernels::LogitKernels& kernels) {
  detail::Chain chain(options, {.n_vocab = n_vocab}, {}, kernels);
  detail::History history(options.penalty_last_n);
  std::vector<Token> prompt;
  for (Token t = 0; t < 64; ++t) prompt.push_back(t * 1009);
  history.start(prompt);
  std::uint64_t position = 64;
  for (auto _ : state) {
    const detail::Noise noise(1, position++, 0);
    const auto narrowed = chain.narrow({.logits = logits,
                                        .grammar = {},
                                        .history = history,
                                        .feedback = {},
                                        .position = position,
                                        .xtc_coin = noise.coin()});
    if (!narrowed) return state.SkipWithError(narrowed.error().message.c_str());
    state.counters["survivors"] = static_cast<double>(chain.candidates().size());
    benchmark::DoNotOptimize(detail::draw(chain.candidates(), noise));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * logits.size() * sizeof(float)));
}

void run_sort(benchmark::State& state, const std::vector<float>& logits) {
  std::vector<float> sorted;
  for (auto _ : state) {
    sorted = logits;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    benchmark::DoNotOptimize(sorted.data());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Distribution distributions[] = {
      {"peaked", normal_logits(2, 40)}, {"broad", normal_logits(2, 0)}, {"flat", normal_logits(0.5, 0)}};
  const struct {
    const char* name;
    SamplerOptions options;
  } chains[] = {
      {"default", SamplerOptions{.dry_sequence_breakers = {}}},
      {"everything", with([](SamplerOptions& o) {
         o = SamplerOptions{.typical_p = 0.98f,
                            .xtc_probability = 0.5f,
                            .repeat_penalty = 1.1f,
                            .dry_multiplier = 0.8f,
                            .dry_sequence_breakers = {}};
       })},
      {"min_p", with([](SamplerOptions& o) { o.min_p = 0.05f, o.temperature = 0.8f; })},
      {"top_n_sigma", with([](SamplerOptions& o) { o.top_n_sigma = 3; })},
      {"top_p", with([](SamplerOptions& o) { o.top_p = 0.95f; })},
      {"typical_p", with([](SamplerOptions& o) { o.typical_p = 0.9f; })},
      {"xtc", with([](SamplerOptions& o) { o.xtc_probability = 1; })},
      {"no_truncation", with([](SamplerOptions&) {})},
      {"no_truncation_cool", with([](SamplerOptions& o) { o.temperature = 0.8f; })},
      {"greedy", with([](SamplerOptions& o) { o.temperature = 0; })},
  };
  const kernels::KernelTables isas = kernels::runnable_tables();
  for (const auto& chain : chains) {
    for (const Distribution& d : distributions) {
      for (std::size_t i = 0; i < isas.size; ++i) {
        const kernels::KernelTable* isa = isas.tables[i];
        benchmark::RegisterBenchmark(
            (std::string("chain/") + chain.name + "/" + d.name + "/" + isa->isa).c_str(),
            [&options = chain.options, &d, isa](benchmark::State& state) {
              run_chain(state, options, d.logits, *isa->logits);
            })
            ->Unit(benchmark::kMicrosecond);
      }
    }
  }
  benchmark::RegisterBenchmark("sort/broad", [&](benchmark::State& state) {
    run_sort(state, distributions[1].logits);
  })->Unit(benchmark::kMicrosecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
