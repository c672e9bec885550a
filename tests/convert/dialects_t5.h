#pragma once
// How the golden t5 would have been called by the library that trains it.
#include "tests/convert/hf_folder.h"

namespace quern::test {

inline void add_t5_dialects(std::map<std::string, Dialect>& d) {
  std::vector<Name> names = {{"token_embd", "shared"}, {"output", "lm_head"}};
  for (const bool decodes : {false, true}) {
    const std::string from = decodes ? "dec." : "enc.", to = decodes ? "decoder." : "encoder.";
    const std::string b = from + "blk.#.", l = to + "block.#.layer.", self = l + "0.SelfAttention.";
    const std::string ffn = l + (decodes ? "2." : "1.");
    names.push_back({from + "output_norm", to + "final_layer_norm"});
    names.push_back(
        {from + "blk.0.attn_rel_b", to + "block.0.layer.0.SelfAttention.relative_attention_bias"});
    names.push_back({b + "attn_norm", l + "0.layer_norm"});
    for (const char* part : {"q", "k", "v", "o"}) {
      names.push_back({b + "attn_" + part, self + part});
      if (decodes) names.push_back({b + "cross_attn_" + part, l + "1.EncDecAttention." + part});
    }
    if (decodes) names.push_back({b + "cross_attn_norm", l + "1.layer_norm"});
    names.push_back({b + "ffn_norm", ffn + "layer_norm"});
    names.push_back({b + "ffn_gate", ffn + "DenseReluDense.wi_0"});
    names.push_back({b + "ffn_up", ffn + "DenseReluDense.wi_1"});
    names.push_back({b + "ffn_down", ffn + "DenseReluDense.wo"});
  }
  d["t5"] = {"T5ForConditionalGeneration",
             names,
             {{"d_model", 64},
              {"d_kv", 24},
              {"d_ff", 64},
              {"num_layers", 3},
              {"num_decoder_layers", 2},
              {"num_heads", 4},
              {"n_positions", 512},
              {"layer_norm_epsilon", 0.001},
              {"relative_attention_num_buckets", 32},
              {"relative_attention_max_distance", 128},
              {"feed_forward_proj", "gated-gelu"},
              {"dense_act_fn", "gelu_new"},
              {"is_gated_act", true},
              {"decoder_start_token_id", 0}}};
}

}  // namespace quern::test
