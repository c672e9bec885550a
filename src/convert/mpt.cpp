// Checkpoints of mpt, whose config.json keeps the switches of attention in an object of their own.
#include <cmath>

#include "formats/try.h"
#include "src/convert/family.h"

namespace quern::detail::checkpoints {
namespace {

constexpr TensorRule mpt_layers[] = {{"wte", "token_embd"},
                                     {"norm_f", "output_norm", copy, maybe},
                                     {"blocks.#.norm_1", "blk.#.attn_norm", copy, maybe},
                                     {"blocks.#.attn.Wqkv", "blk.#.attn_qkv", copy, maybe},
                                     {"blocks.#.attn.out_proj", "blk.#.attn_output", copy, maybe},
                                     {"blocks.#.norm_2", "blk.#.ffn_norm", copy, maybe},
                                     {"blocks.#.ffn.up_proj", "blk.#.ffn_up", copy, maybe},
                                     {"blocks.#.ffn.down_proj", "blk.#.ffn_down", copy, maybe}};
constexpr TensorRule mpt_positions[] = {{"wpe", "position_embd"}};
constexpr TensorRule mpt_qk_norms[] = {{"blocks.#.attn.q_ln", "blk.#.attn_q_norm", copy, maybe},
                                       {"blocks.#.attn.k_ln", "blk.#.attn_k_norm", copy, maybe}};
constexpr Expectation mpt_switches[] = {{"logit_scale", "null"},
                                        {"embedding_fraction", "1|null"},
                                        {"norm_type", "low_precision_layernorm|layernorm|null"}};
constexpr Expectation attention_switches[] = {
    {"attn_type", "multihead_attention|null"}, {"softmax_scale", "null"}, {"prefix_lm", "false|null"},
    {"attn_uses_sequence_id", "false|null"},   {"qk_gn", "false|null"},   {"rope", "false|null"},
    {"sliding_window_size", "-1|null"}};
constexpr Expectation ffn_switches[] = {{"ffn_type", "mptmlp|null"}, {"ffn_act_fn", "null"}};
constexpr std::string_view mpt_defaults = R"({"d_model":2048,"n_heads":16,"n_layers":24,"expansion_ratio":4,
    "max_seq_len":2048,"layer_norm_epsilon":1e-5,"tie_word_embeddings":true,"attn_config":{},"ffn_config":{}})";

void write_hidden(Conversion& c) {
  const double hidden = c.config.number("expansion_ratio") * c.config.size(c.family.sizes.dim);
  const double whole = std::round(hidden);
  if (!(whole >= 1 && whole <= INT32_MAX && std::abs(hidden - whole) < 1e-6 * whole))
    return c.config.wrong("expansion_ratio", "a factor that makes the width a whole number");
  c.set("feed_forward_length", static_cast<std::uint32_t>(whole));
}

void write_mpt_attention(Conversion& c, Config& attention) {
  constexpr double usual_max_bias = 8;
  for (const Expectation& e : attention_switches) attention.expect(e.key, e.allowed);
  // What an absent `alibi` means differs between the libraries that read such files.
  if (!attention.has("alibi")) return attention.wrong("alibi", "true or false");
  if (attention.flag_or("alibi", true)) {
    c.set("attention.max_alibi_bias",
          static_cast<float>(attention.number_or("alibi_bias_max", usual_max_bias)));
  } else if (c.config.flag_or("learned_pos_emb", true)) {
    c.rules.push_back({mpt_positions});
  }
  if (attention.flag_or("qk_ln", false)) c.rules.push_back({mpt_qk_norms});
  if (!attention.has("clip_qkv")) return;
  const double clamp = attention.number("clip_qkv");
  if (!(clamp > 0)) return attention.wrong("clip_qkv", "more than 0");
  c.set("attention.clamp_kqv", static_cast<float>(clamp));
}

void write_mpt(Conversion& c) {
  write_hidden(c);
  std::optional<Config> attention = c.config.object("attn_config"), ffn = c.config.object("ffn_config");
  if (!attention) return c.config.wrong("attn_config", "an object");
  if (!ffn) return c.config.wrong("ffn_config", "an object");
  write_mpt_attention(c, *attention);
  for (const Expectation& e : ffn_switches) ffn->expect(e.key, e.allowed);
  for (const Config* part : {&*attention, &*ffn})
    if (part->error()) c.config.fail(*part->error());
}

}  // namespace

FamilyRule mpt_rule() {
  return {.names = {"MPTForCausalLM", "MptForCausalLM"},
          .architecture = "mpt",
          .tensors = {mpt_layers},
          .expected = {mpt_switches},
          .sizes = {.context = "max_seq_len",
                    .dim = "d_model",
                    .layers = "n_layers",
                    .hidden = "",
                    .heads = "n_heads",
                    .kv_heads = "",
                    .epsilon = "layer_norm_epsilon"},
          .defaults = mpt_defaults,
          .rms = false,
          .output = Output::tied,
          .embedding = "wte",
          .rope = {.rotates = false},
          .prefixes = {"transformer.", ""},
          .more = write_mpt};
}

}  // namespace quern::detail::checkpoints
