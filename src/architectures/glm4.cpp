// glm4: norms on both sides of each part, half of each head rotated, gate and up projection in one matrix.
// The text part of a model that reads images has sections of rotated pairs, and its converters put the two
// halves of a head that turn together one behind the other.
#include <algorithm>

#include "formats/try.h"
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

// Whether the file has sections, whose axes all stand at a token's position where there is only text.
bool has_sections(SpecBuilder& b) {
  constexpr std::string_view key = "rope.dimension_sections";
  if (!b.has(key)) return false;
  const std::vector<std::int64_t> sections = b.integers(key);
  if (sections.empty() || std::ranges::all_of(sections, [](std::int64_t n) { return n == 0; })) return false;
  const bool is_text = sections.size() == 4 && sections[0] > 0 && sections[1] > 0 && sections[2] >= 0;
  if (is_text && sections[3] == 0) return true;
  std::string said;
  for (const std::int64_t n : sections) said += formats::cat(said.empty() ? "[" : ", ", n);
  b.wrong(key, said + "]", "four numbers: sections for the first two or three axes, and 0");
  return true;
}

void build_glm4(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::optional);
  const int rope =
      b.rope({.kind = has_sections(b) ? kernels::RopeKind::halves : kernels::RopeKind::interleaved});
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer = b.attention({.rope = rope, .qkv_bias = Presence::optional});
    layer.post_mixer_norm = b.norm("post_attention_norm", NormKind::rms);
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    layer.ffn = b.dense({.fused_gate = true});
    layer.post_ffn_norm = b.norm("post_ffw_norm", NormKind::rms);
  });
}

}  // namespace

const Family glm4{"glm4", build_glm4};

}  // namespace quern::detail::architectures
