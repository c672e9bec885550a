#pragma once
// A family of checkpoints as data: how its tensors are called on both sides and what happens to them on the
// way, and which words of config.json become which keys. One row for all class names that are the same
// computation; families.cpp has the rows.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "formats/gguf_writer.h"
#include "src/convert/config.h"

namespace quern::detail {

struct Conversion;
struct OutputTensor;

/// What a tensor goes through. Rows are the last dimension but one; H, G, D as in Conversion.
enum class Op : std::uint8_t {
  copy,
  interleave_q,  ///< rows of H heads: halves of a head become adjacent pairs, as interleaved rotation wants
                 ///< them
  interleave_k,  ///< the same for G heads
  plus_one,      ///< norms whose checkpoint holds the weight less one
  transpose,     ///< [in, out] to [out, in]; vectors (their biases) as they are
  ungroup,  ///< fused: for each of G groups H/G heads of q, one of k, one of v; becomes all q, all k, all v
  group_q,  ///< of the same fused matrix the heads of q alone, interleaved
  group_k,  ///< of k, interleaved
  group_v,  ///< of v
  first_half,  ///< of the rows (of each expert)
  second_half,
  squeeze,     ///< without its dimensions of 1
  neg_exp,     ///< minus e to the power of each value: a decay whose logarithm was trained
  fitted,      ///< as the family's `fit` says
  mxfp4,       ///< two tensors of bytes, "<name>_blocks" and "<name>_scales", whose codes are kept
  mxfp4_even,  ///< of these the even rows (of each expert)
  mxfp4_odd,
};

enum class Needed : std::uint8_t {
  never,
  maybe,
  always,
  but_first,  ///< on every layer but 0, where it may be
  otherwise,  ///< unless an earlier rule has found a tensor for the same name
};

/// Names without ".weight" and ".bias". '#' is the layer; a '*' in `from` counts parts (experts, heads),
/// which are stacked in a new outermost dimension.
struct TensorRule {
  std::string_view from, to;
  Op op = Op::copy;
  Needed bias = Needed::never;
  Needed weight = Needed::always;
  bool whole_names = false;  ///< both names are complete: nothing is added to them
  bool outside = false;      ///< `from` lies outside of the model's prefix
};

/// Rules for some of the layers; those without '#' are for none in particular.
struct LayerRules {
  std::span<const TensorRule> rules;
  std::uint32_t first = 0, end = UINT32_MAX;  ///< UINT32_MAX: to the last of the model's layers
};

enum class KeyKind : std::uint8_t { count, number, flag };
/// A value of config.json that is copied. `to` is without the architecture. Optional: nothing is written for
/// a key that is absent.
struct KeyRule {
  std::string_view from, to;
  KeyKind kind;
  bool optional = false;
};
struct Expectation {
  std::string_view key, allowed;  ///< as Config::expect takes them
};

/// Where config.json keeps the sizes that every family has. Empty: this family has no such key. Without
/// `heads` there is no attention.
struct SizeNames {
  std::string_view context = "max_position_embeddings", dim = "hidden_size", layers = "num_hidden_layers",
                   hidden = "intermediate_size", heads = "num_attention_heads",
                   kv_heads = "num_key_value_heads", head_dim = "head_dim", epsilon = "rms_norm_eps",
                   theta = "rope_theta", rotary_share = "partial_rotary_factor";
};

enum class Output : std::uint8_t {
  none,      ///< no logits
  own,       ///< GGUF files of this family always have output.weight
  optional,  ///< absent where token_embd.weight serves
  tied,      ///< token_embd.weight always serves
};

/// Windows of attention in the checkpoint, and what the GGUF family makes of them.
enum class Window : std::uint8_t {
  none,     ///< the family has no such key
  caps,     ///< computed without: the context ends where the window would begin to matter
  off,      ///< must be switched off
  written,  ///< `attention.sliding_window`, all layers or by the pattern
  noted,    ///< written, and not used by anyone
};

struct RopeTraits {
  bool rotates = true;
  bool llama3 = false;    ///< divisors of the frequencies, as a tensor
  bool longrope = false;  ///< two tensors of divisors
  std::string_view local_theta =
      {};                    ///< key of the base that layers with windows have, where it is their own
  bool latent = false;       ///< yarn's growth goes into the scale of the scores, not into the rotation
  bool soft_bounds = false;  ///< yarn's bounds may be fractions in the checkpoint
};

struct FamilyRule {
  std::vector<std::string_view> names;  ///< in `architectures`
  std::string_view architecture;
  std::vector<std::span<const TensorRule>> tensors;
  std::vector<std::span<const KeyRule>> keys = {};
  std::vector<std::span<const Expectation>> expected = {};
  SizeNames sizes = {};
  std::string_view defaults = "{}";  ///< JSON: what absent keys of config.json stand for
  bool rms = true;                   ///< which epsilon the norms have
  Output output = Output::optional;
  Needed output_bias = Needed::never;
  std::string_view head = "lm_head";
  Op output_op = Op::copy;
  std::string_view embedding = "embed_tokens";
  RopeTraits rope = {};
  Window window = Window::none;
  std::uint32_t window_period =
      0;  ///< of the pattern, where the checkpoint does not say; layer n is global if n % P == P - 1
  bool mixed_layers = false;  ///< `layer_types` tells more than which layers have windows: `more` reads it
  std::vector<std::string_view> prefixes = {"model.", ""};  ///< of all names but the head's
  std::vector<std::string_view> ignored = {};               ///< ends of names that are no weights
  std::vector<std::string_view> foreign = {};   ///< beginnings of names that belong to images and the like
  std::vector<std::string_view> left_out = {};  ///< beginnings of names of what only training or guessing
                                                ///< ahead needs
  std::string_view quantization = {};           ///< `quant_method` that the family's tensors may have
  std::vector<std::string_view> dense_modules =
      {};                               ///< tensors of matrices behind the pooling, without ".weight"
  void (*more)(Conversion&) = nullptr;  ///< what tables cannot say
  /// The same of tensors whose rule (the one with this `to`; "output" for the head) has Op::fitted.
  Result<void> (*fit)(Conversion&, std::string_view to, OutputTensor&) = nullptr;
};

/// What a conversion has found out, and what it will write.
struct Conversion {
  const FamilyRule& family;
  Config& config;
  formats::GgufContents& contents;
  std::vector<std::string>& notes;
  std::uint32_t n_layers = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0, n_rot = 0;
  double theta = 0;
  /// Rules beside the family's, which config.json decides.
  std::vector<LayerRules> rules = {};
  std::vector<std::string> left_out = {};  ///< beside the family's
  /// Tensors that are computed, not copied: name without ".weight", and values.
  std::vector<std::pair<std::string, std::vector<float>>> made = {};

  std::string key(std::string_view name) const;
  template <typename T>
  void set(std::string_view name, T value) {
    contents.set(key(name), value);
  }
};

/// Everything of config.json but tensors and tokenizer, into contents. Errors stick in the config.
void write_hyper_parameters(Conversion& conversion);
/// Rotation: base, share and scaling. Part of the above.
void write_rope(Conversion& conversion);

/// The rows of all families, and those that have a file of their own.
namespace checkpoints {

using enum Op;
using enum Needed;
using enum KeyKind;

std::span<const FamilyRule> family_rules();
FamilyRule lfm2_rule();
FamilyRule lfm2_moe_rule();
FamilyRule bert_rule();
FamilyRule nomic_bert_rule();
FamilyRule jina_bert_rule();
FamilyRule modern_bert_rule();
FamilyRule modern_bert_ranking_rule();
FamilyRule t5_rule();
FamilyRule t5_encoder_rule();
FamilyRule qwen3next_rule();
FamilyRule qwen35_rule();
FamilyRule qwen35moe_rule();
FamilyRule mamba2_rule();
FamilyRule falcon_h1_rule();
FamilyRule mpt_rule();
FamilyRule deepseek_v2_rule();
FamilyRule deepseek_v3_rule();
FamilyRule gpt_oss_rule();

}  // namespace checkpoints

}  // namespace quern::detail
