#pragma once
// Rows that checkpoints of many families have in common.
#include "src/convert/family.h"

namespace quern::detail::checkpoints {

inline constexpr TensorRule frame[] = {{"embed_tokens", "token_embd"}, {"norm", "output_norm"}};
inline constexpr TensorRule pre_norms[] = {{"layers.#.input_layernorm", "blk.#.attn_norm"},
                                           {"layers.#.post_attention_layernorm", "blk.#.ffn_norm"}};
inline constexpr TensorRule attention[] = {{"layers.#.self_attn.q_proj", "blk.#.attn_q"},
                                           {"layers.#.self_attn.k_proj", "blk.#.attn_k"},
                                           {"layers.#.self_attn.v_proj", "blk.#.attn_v"},
                                           {"layers.#.self_attn.o_proj", "blk.#.attn_output"}};
inline constexpr TensorRule gated_ffn[] = {{"layers.#.mlp.gate_proj", "blk.#.ffn_gate"},
                                           {"layers.#.mlp.up_proj", "blk.#.ffn_up"},
                                           {"layers.#.mlp.down_proj", "blk.#.ffn_down"}};
inline constexpr TensorRule mlp_experts[] = {{"layers.#.mlp.gate", "blk.#.ffn_gate_inp"},
                                             {"layers.#.mlp.experts.*.gate_proj", "blk.#.ffn_gate_exps"},
                                             {"layers.#.mlp.experts.*.up_proj", "blk.#.ffn_up_exps"},
                                             {"layers.#.mlp.experts.*.down_proj", "blk.#.ffn_down_exps"}};
inline constexpr TensorRule shared_expert[] = {
    {"layers.#.mlp.shared_expert.gate_proj", "blk.#.ffn_gate_shexp"},
    {"layers.#.mlp.shared_expert.up_proj", "blk.#.ffn_up_shexp"},
    {"layers.#.mlp.shared_expert.down_proj", "blk.#.ffn_down_shexp"},
    {"layers.#.mlp.shared_expert_gate", "blk.#.ffn_gate_inp_shexp", squeeze}};
inline constexpr KeyRule expert_widths[] = {{"num_experts", "expert_count", count},
                                            {"num_experts_per_tok", "expert_used_count", count},
                                            {"moe_intermediate_size", "expert_feed_forward_length", count}};
inline constexpr KeyRule shared_expert_width[] = {
    {"shared_expert_intermediate_size", "expert_shared_feed_forward_length", count}};
inline constexpr Expectation experts_everywhere[] = {{"decoder_sparse_step", "1|null"},
                                                     {"mlp_only_layers", "[]|null"}};

}  // namespace quern::detail::checkpoints
