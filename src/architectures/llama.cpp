// llama: Llama 1 to 3, Mistral, Mixtral, SmolLM, Yi and the many relatives that go by this name. internlm2
// and smollm3 are the same arithmetic under names of their own.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void build_llama(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::optional);
  const int rope =
      b.full_rope({.kind = kernels::RopeKind::interleaved, .factors = true, .long_factors = true});
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer =
        b.attention({.rope = rope, .qkv_bias = Presence::optional, .output_bias = Presence::optional});
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    if (b.has("expert_count") && b.size_or("expert_count", 0, UINT32_MAX) > 0) {
      layer.ffn = b.experts({.hidden_dim = b.hidden_dim(n)});
    } else {
      layer.ffn = b.dense({.bias = Presence::optional});
    }
  });
}

void build_internlm2(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::absent);
  const int rope = b.rope({.kind = kernels::RopeKind::interleaved});
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer = b.attention({.rope = rope});
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    layer.ffn = b.dense({});
  });
}

void build_smollm3(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::optional);
  const int rope = b.rope({.kind = kernels::RopeKind::interleaved});
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer =
        b.attention({.rope = (n + 1) % 4 == 0 ? -1 : rope});  // every fourth layer sees no positions
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    layer.ffn = b.dense({});
  });
}

}  // namespace

const Family llama{"llama", build_llama};
const Family internlm2{"internlm2", build_internlm2};
const Family smollm3{"smollm3", build_smollm3};

}  // namespace quern::detail::architectures
