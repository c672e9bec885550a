#pragma once
// A whole model of a few kilobytes in memory, sound unless a test changes something. Its weights are the
// bytes that GgufBytes fills files with, so its logits mean nothing.
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "tests/support/gguf_bytes.h"

namespace quern::test {

// A sound two-layer model that cases change in one place. Keys are without "<architecture>.".
class TinyModel {
 public:
  using Value =
      std::variant<std::uint32_t, std::int32_t, float, bool, std::string, std::vector<std::uint32_t>>;
  struct Shape {
    std::vector<std::uint64_t> dims;
    TensorType type = TensorType::f32;
  };

  std::string architecture = "llama";
  std::map<std::string, Value> keys{{"context_length", 64u},
                                    {"embedding_length", 32u},
                                    {"block_count", 2u},
                                    {"feed_forward_length", 64u},
                                    {"attention.head_count", 4u},
                                    {"attention.head_count_kv", 2u},
                                    {"attention.layer_norm_rms_epsilon", 1e-5f}};
  std::map<std::string, Shape> tensors{
      {"token_embd.weight", {{32, 10}}}, {"output_norm.weight", {{32}}}, {"output.weight", {{32, 10}}}};

  TinyModel() {
    for (const std::string block : {"blk.0.", "blk.1."}) {
      tensors[block + "attn_norm.weight"] = {{32}};
      tensors[block + "attn_q.weight"] = {{32, 32}};
      tensors[block + "attn_k.weight"] = {{32, 16}};
      tensors[block + "attn_v.weight"] = {{32, 16}};
      tensors[block + "attn_output.weight"] = {{32, 32}};
      tensors[block + "ffn_norm.weight"] = {{32}};
      tensors[block + "ffn_gate.weight"] = {{32, 64}};
      tensors[block + "ffn_up.weight"] = {{32, 64}};
      tensors[block + "ffn_down.weight"] = {{64, 32}};
    }
  }

  // The same with four experts, two of them used, in place of the dense FFN.
  void use_experts() {
    keys["expert_count"] = 4u;
    keys["expert_used_count"] = 2u;
    for (const std::string block : {"blk.0.", "blk.1."}) {
      for (const char* name : {"ffn_gate.weight", "ffn_up.weight", "ffn_down.weight"})
        tensors.erase(block + name);
      tensors[block + "ffn_gate_inp.weight"] = {{32, 4}};
      tensors[block + "ffn_gate_exps.weight"] = {{32, 64, 4}};
      tensors[block + "ffn_up_exps.weight"] = {{32, 64, 4}};
      tensors[block + "ffn_down_exps.weight"] = {{64, 32, 4}};
    }
  }

  // deepseek2: latent attention with 4 heads of 8 (4 of them rotated) over 16 latent values; the second layer
  // with four experts, two of them used, beside a shared one.
  static TinyModel latent() {
    TinyModel model;
    model.architecture = "deepseek2";
    model.use_experts();
    for (const auto& [key, value] : {std::pair{"attention.head_count_kv", 1u},
                                     {"attention.key_length", 20u},
                                     {"attention.value_length", 16u},
                                     {"attention.key_length_mla", 8u},
                                     {"attention.value_length_mla", 8u},
                                     {"attention.q_lora_rank", 24u},
                                     {"attention.kv_lora_rank", 16u},
                                     {"rope.dimension_count", 4u},
                                     {"leading_dense_block_count", 1u},
                                     {"expert_feed_forward_length", 64u},
                                     {"expert_shared_count", 1u},
                                     {"expert_gating_func", 2u}})
      model.keys[key] = value;
    for (const std::string block : {"blk.0.", "blk.1."}) {
      for (const char* name : {"attn_q.weight", "attn_k.weight", "attn_v.weight"})
        model.tensors.erase(block + name);
      model.tensors[block + "attn_q_a.weight"] = {{32, 24}};
      model.tensors[block + "attn_q_a_norm.weight"] = {{24}};
      model.tensors[block + "attn_q_b.weight"] = {{24, 32}};
      model.tensors[block + "attn_kv_a_mqa.weight"] = {{32, 20}};
      model.tensors[block + "attn_kv_a_norm.weight"] = {{16}};
      model.tensors[block + "attn_k_b.weight"] = {{4, 16, 4}};
      model.tensors[block + "attn_v_b.weight"] = {{16, 8, 4}};
    }
    for (const char* name : {"ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"})
      model.tensors.erase(std::string("blk.0.") + name + ".weight");
    for (const std::string name :
         {"blk.0.ffn_gate", "blk.1.ffn_gate_shexp", "blk.0.ffn_up", "blk.1.ffn_up_shexp"})
      model.tensors[name + ".weight"] = {{32, 64}};
    for (const std::string name : {"blk.0.ffn_down", "blk.1.ffn_down_shexp"})
      model.tensors[name + ".weight"] = {{64, 32}};
    model.tensors["blk.1.exp_probs_b.bias"] = {{4}};
    return model;
  }

  // modern-bert: tokens see the whole text, the second layer through a window, and a ranking head.
  static TinyModel whole_texts() {
    TinyModel model;
    model.architecture = "modern-bert";
    model.keys["attention.layer_norm_epsilon"] = 1e-5f;
    model.keys["attention.sliding_window"] = 2u;
    model.keys["pooling_type"] = 4u;
    model.tensors.erase("output.weight");
    for (const std::string block : {"blk.0.", "blk.1."}) {
      model.tensors.erase(block + "ffn_gate.weight");
      model.tensors[block + "ffn_up.weight"] = {{32, 128}};
    }
    for (const char* name : {"token_embd_norm.weight", "cls.norm.weight"}) model.tensors[name] = {{32}};
    model.tensors["cls.weight"] = {{32, 32}};
    model.tensors["cls.output.weight"] = {{32, 1}};
    return model;
  }

  // t5: two layers that encode, one that decodes.
  static TinyModel encoder_decoder() {
    TinyModel model;
    model.architecture = "t5";
    model.keys.erase("attention.head_count_kv");
    model.keys["attention.relative_buckets_count"] = 8u;
    model.keys["decoder_block_count"] = 1u;
    model.keys["decoder_start_token_id"] = 0u;
    model.tensors = {{"token_embd.weight", {{32, 10}}}};
    const auto attention = [&](const std::string& name) {
      model.tensors[name + "_norm.weight"] = {{32}};
      for (const char* part : {"_q.weight", "_k.weight", "_v.weight", "_o.weight"})
        model.tensors[name + part] = {{32, 32}};
    };
    for (const std::string block : {"enc.blk.0.", "enc.blk.1.", "dec.blk.0."}) {
      attention(block + "attn");
      model.tensors[block + "ffn_norm.weight"] = {{32}};
      model.tensors[block + "ffn_gate.weight"] = model.tensors[block + "ffn_up.weight"] = {{32, 64}};
      model.tensors[block + "ffn_down.weight"] = {{64, 32}};
    }
    attention("dec.blk.0.cross_attn");
    for (const std::string group : {"enc.", "dec."}) {
      model.tensors[group + "blk.0.attn_rel_b.weight"] = {{4, 8}};
      model.tensors[group + "output_norm.weight"] = {{32}};
    }
    return model;
  }

  std::vector<std::byte> bytes() const {
    GgufBytes out = gguf();
    out.kv("general.architecture", std::string_view(architecture));
    for (const auto& [name, value] : keys) {
      const std::string key = architecture + "." + name;
      std::visit(
          [&](const auto& v) {
            using T = std::decay_t<decltype(v)>;
            if constexpr (std::is_same_v<T, std::string>) {
              out.kv(key, std::string_view(v));
            } else if constexpr (std::is_same_v<T, std::vector<std::uint32_t>>) {
              const std::string_view packed(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(v[0]));
              out.array_kv(key, static_cast<std::uint32_t>(ValueType::u32), v.size(), packed);
            } else {
              out.kv(key, v);
            }
          },
          value);
    }
    for (const auto& [name, shape] : tensors) {
      const auto& d = shape.dims;
      switch (d.size()) {
        case 1: out.tensor(name, {d[0]}, shape.type); break;
        case 2: out.tensor(name, {d[0], d[1]}, shape.type); break;
        default: out.tensor(name, {d[0], d[1], d[2]}, shape.type); break;
      }
    }
    return out.bytes();
  }
};

}  // namespace quern::test
