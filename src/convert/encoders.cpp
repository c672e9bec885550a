// Checkpoints of encoders, whose vectors are pooled: bert, nomic-bert, jina-bert-v2 and modern-bert, the last
// with its ranking head too.

#include "formats/try.h"
#include "src/convert/family.h"

namespace quern::detail::checkpoints {
namespace {

constexpr Expectation reads_whole_texts[] = {{"is_decoder", "false|null"},
                                             {"add_cross_attention", "false|null"}};

void write_token_types(Conversion& c) {
  c.set("attention.causal", false);
  c.contents.set("tokenizer.ggml.token_type_count", c.config.size("type_vocab_size"));
}

// bert.
constexpr TensorRule bert_embeddings[] = {{"embeddings.word_embeddings", "token_embd"},
                                          {"embeddings.token_type_embeddings", "token_types"},
                                          {"embeddings.LayerNorm", "token_embd_norm", copy, always}};
constexpr TensorRule bert_attention[] = {
    {"encoder.layer.#.attention.self.query", "blk.#.attn_q", copy, always},
    {"encoder.layer.#.attention.self.key", "blk.#.attn_k", copy, always},
    {"encoder.layer.#.attention.self.value", "blk.#.attn_v", copy, always},
    {"encoder.layer.#.attention.output.dense", "blk.#.attn_output", copy, always},
    {"encoder.layer.#.attention.output.LayerNorm", "blk.#.attn_output_norm", copy, always}};
constexpr TensorRule bert_layers[] = {
    {"embeddings.position_embeddings", "position_embd"},
    {"encoder.layer.#.intermediate.dense", "blk.#.ffn_up", copy, always},
    {"encoder.layer.#.output.dense", "blk.#.ffn_down", copy, always},
    {"encoder.layer.#.output.LayerNorm", "blk.#.layer_output_norm", copy, always}};
constexpr Expectation bert_switches[] = {{"hidden_act", "gelu_pytorch_tanh|gelu_new|gelu_fast|gelu"},
                                         {"position_embedding_type", "absolute|null"}};

// nomic-bert. fc12 is the half that the activation takes.
constexpr TensorRule nomic_layers[] = {{"embeddings.word_embeddings", "token_embd"},
                                       {"embeddings.token_type_embeddings", "token_types"},
                                       {"emb_ln", "token_embd_norm", copy, always},
                                       {"encoder.layers.#.attn.Wqkv", "blk.#.attn_qkv"},
                                       {"encoder.layers.#.attn.out_proj", "blk.#.attn_output"},
                                       {"encoder.layers.#.norm1", "blk.#.attn_output_norm", copy, always},
                                       {"encoder.layers.#.mlp.fc11", "blk.#.ffn_up"},
                                       {"encoder.layers.#.mlp.fc12", "blk.#.ffn_gate"},
                                       {"encoder.layers.#.mlp.fc2", "blk.#.ffn_down"},
                                       {"encoder.layers.#.norm2", "blk.#.layer_output_norm", copy, always}};
constexpr Expectation nomic_switches[] = {{"activation_function", "swiglu"},
                                          {"causal", "false|null"},
                                          {"mlp_fc1_bias", "false"},
                                          {"mlp_fc2_bias", "false"},
                                          {"num_experts", "0|null"},
                                          {"parallel_block", "false|null"},
                                          {"prenorm", "false|null"},
                                          {"qkv_proj_bias", "false"},
                                          {"rotary_emb_interleaved", "false|null"},
                                          {"rotary_emb_scale_base", "null"},
                                          {"scale_attn_by_inverse_layer_idx", "false|null"},
                                          {"scale_attn_weights", "true|null"},
                                          {"use_rms_norm", "false|null"}};
// What the training library's configuration has where the file says nothing.
constexpr std::string_view nomic_defaults = R"({"activation_function":"gelu","qkv_proj_bias":true,
    "mlp_fc1_bias":true,"mlp_fc2_bias":true,"rotary_emb_fraction":0,"layer_norm_epsilon":1e-5,
    "type_vocab_size":2})";

void write_nomic(Conversion& c) {
  write_token_types(c);
  if (!c.config.has("rotary_scaling_factor")) return;
  // Longer texts than those of the training would change the base of the rotation with their length.
  const std::uint32_t context = c.config.size(c.family.sizes.context),
                      trained = c.config.size("max_trained_positions");
  if (trained >= context) return;
  c.set("context_length", trained);
  c.notes.push_back(formats::cat("context of ", trained, " tokens in place of ", context,
                                 ": the rotation is not rescaled for longer texts"));
}

// jina-bert-v2. Of the models of code the second half of the fused matrix is what the activation takes, of
// the others the first.
constexpr TensorRule jina_layers[] = {
    {"encoder.layer.#.attention.self.layer_norm_q", "blk.#.attn_q_norm", copy, maybe, maybe},
    {"encoder.layer.#.attention.self.layer_norm_k", "blk.#.attn_k_norm", copy, maybe, maybe},
    {"encoder.layer.#.layer_norm_1", "blk.#.attn_norm_2", copy, maybe, maybe},
    {"encoder.layer.#.mlp.gated_layers", "blk.#.ffn_gate", first_half, never, maybe},
    {"encoder.layer.#.mlp.gated_layers", "blk.#.ffn_up", second_half, never, maybe},
    {"encoder.layer.#.mlp.up_gated_layer", "blk.#.ffn_up", first_half, never, otherwise},
    {"encoder.layer.#.mlp.up_gated_layer", "blk.#.ffn_gate", second_half, never, otherwise},
    {"encoder.layer.#.mlp.wo", "blk.#.ffn_down", copy, maybe, maybe},
    {"encoder.layer.#.mlp.down_layer", "blk.#.ffn_down", copy, otherwise, otherwise},
    {"encoder.layer.#.mlp.layernorm", "blk.#.layer_output_norm", copy, maybe, maybe},
    {"encoder.layer.#.layer_norm_2", "blk.#.layer_output_norm", copy, otherwise, otherwise}};
constexpr Expectation jina_switches[] = {{"feed_forward_type", "geglu"},
                                         {"position_embedding_type", "alibi"}};

void write_jina(Conversion& c) {
  constexpr std::uint32_t mean = 1;
  write_token_types(c);
  c.config.expect("emb_pooler", "mean|null");  // used where no library of embeddings says how to pool
  if (c.config.has("emb_pooler")) c.set("pooling_type", mean);
}

// modern-bert.
constexpr TensorRule modern_layers[] = {{"embeddings.tok_embeddings", "token_embd"},
                                        {"embeddings.norm", "token_embd_norm"},
                                        {"final_norm", "output_norm"},
                                        {"layers.#.attn_norm", "blk.#.attn_norm", copy, never, but_first},
                                        {"layers.#.attn.Wqkv", "blk.#.attn_qkv"},
                                        {"layers.#.attn.Wo", "blk.#.attn_output"},
                                        {"layers.#.mlp_norm", "blk.#.ffn_norm"},
                                        {"layers.#.mlp.Wi", "blk.#.ffn_up"},
                                        {"layers.#.mlp.Wo", "blk.#.ffn_down"}};
constexpr KeyRule modern_keys[] = {{"local_attention", "attention.sliding_window", count}};
constexpr Expectation modern_switches[] = {{"attention_bias", "false|null"},
                                           {"mlp_bias", "false|null"},
                                           {"norm_bias", "false|null"},
                                           {"hidden_activation", "gelu|gelu_pytorch_tanh|silu"}};
constexpr Expectation modern_head_switches[] = {{"classifier_pooling", "mean"},
                                                {"classifier_activation", "gelu|gelu_pytorch_tanh"}};
constexpr std::string_view modern_defaults = R"({"hidden_activation":"gelu","norm_eps":1e-5,
    "local_attention":128,"global_attn_every_n_layers":3,"global_rope_theta":160000,"local_rope_theta":10000,
    "classifier_pooling":"cls","classifier_activation":"gelu"})";

// Layers 0, P, 2 P ... see everything.
void write_modern(Conversion& c) {
  c.set("attention.causal", false);
  const std::uint32_t period = c.config.size("global_attn_every_n_layers");
  if (const auto types = c.config.find("layer_types")) {
    std::uint32_t n = 0;
    bool same = types->is_array() && types->size() == c.n_layers;
    for (const formats::JsonValue type : types->elements())
      same = same && type.string() == (n++ % period == 0 ? "full_attention" : "sliding_attention");
    if (!same)
      return c.config.unsupported(
          "layer_types", types->description(),
          formats::cat("'full_attention' for layers 0, ", period, ", ", std::uint64_t{2} * period,
                       " ..., 'sliding_attention' for the others"));
  }
  c.set("attention.sliding_window_pattern", period);
  const std::string_view activation = c.config.text_or("hidden_activation", "");
  if (activation == "silu") c.set("hidden_activation", activation);
}

// The labels of a classifier in the order of their numbers; two where nothing is said.
std::vector<std::string> labels(Config& config) {
  std::vector<std::string> labels;
  const auto by_id = config.find("id2label");
  if (!by_id) return {"LABEL_0", "LABEL_1"};
  for (std::size_t id = 0; by_id->is_object() && id < by_id->size(); ++id)
    if (const auto label = by_id->find(formats::cat(id)); label && label->string())
      labels.emplace_back(*label->string());
  if (labels.empty() || labels.size() != by_id->size())
    config.wrong("id2label", "an object of labels by number, from 0 on");
  return labels;
}

constexpr TensorRule modern_head[] = {
    {.from = "head.dense", .to = "cls", .bias = maybe, .outside = true},
    {.from = "head.norm", .to = "cls.norm", .outside = true},
    {.from = "classifier", .to = "cls.output", .bias = maybe, .outside = true}};

void write_modern_ranking(Conversion& c) {
  constexpr std::uint32_t rank = 4;
  write_modern(c);
  c.set("pooling_type", rank);
  c.set("classifier.output_labels", labels(c.config));
}

FamilyRule modern_bert() {
  return {.names = {"ModernBertModel", "ModernBertForMaskedLM"},
          .architecture = "modern-bert",
          .tensors = {modern_layers},
          .keys = {modern_keys},
          .expected = {modern_switches},
          .sizes = {.kv_heads = "", .epsilon = "norm_eps", .theta = "global_rope_theta"},
          .defaults = modern_defaults,
          .rms = false,
          .output = Output::none,
          .embedding = "embeddings.tok_embeddings",
          .rope = {.local_theta = "local_rope_theta"},
          .mixed_layers = true,
          .left_out = {"head.", "decoder."},
          .more = write_modern};
}

}  // namespace

FamilyRule bert_rule() {
  return {.names = {"BertModel"},
          .architecture = "bert",
          .tensors = {bert_embeddings, bert_attention, bert_layers},
          .expected = {bert_switches, reads_whole_texts},
          .sizes = {.kv_heads = "", .epsilon = "layer_norm_eps"},
          .rms = false,
          .output = Output::none,
          .embedding = "embeddings.word_embeddings",
          .rope = {.rotates = false},
          .prefixes = {"", "bert."},
          .ignored = {"position_ids", "pooler.dense.weight", "pooler.dense.bias"},
          .more = write_token_types};
}

FamilyRule nomic_bert_rule() {
  return {.names = {"NomicBertModel"},
          .architecture = "nomic-bert",
          .tensors = {nomic_layers},
          .expected = {nomic_switches},
          .sizes = {.context = "n_positions",
                    .dim = "n_embd",
                    .layers = "n_layer",
                    .hidden = "n_inner",
                    .heads = "n_head",
                    .kv_heads = "",
                    .epsilon = "layer_norm_epsilon",
                    .theta = "rotary_emb_base",
                    .rotary_share = "rotary_emb_fraction"},
          .defaults = nomic_defaults,
          .rms = false,
          .output = Output::none,
          .embedding = "embeddings.word_embeddings",
          .prefixes = {"", "bert."},
          .left_out = {"pooler.", "bert.pooler.", "cls."},
          .more = write_nomic};
}

FamilyRule jina_bert_rule() {
  return {.names = {"JinaBertModel", "JinaBertForMaskedLM"},
          .architecture = "jina-bert-v2",
          .tensors = {bert_embeddings, bert_attention, jina_layers},
          .expected = {jina_switches, reads_whole_texts},
          .sizes = {.kv_heads = "", .epsilon = "layer_norm_eps"},
          .defaults = R"({"feed_forward_type":"original"})",
          .rms = false,
          .output = Output::none,
          .embedding = "embeddings.word_embeddings",
          .rope = {.rotates = false},
          .prefixes = {"", "bert."},
          .ignored = {"position_ids"},
          .left_out = {"pooler.", "bert.pooler.", "cls."},
          .more = write_jina};
}

FamilyRule modern_bert_rule() { return modern_bert(); }

FamilyRule modern_bert_ranking_rule() {
  FamilyRule rule = modern_bert();
  rule.names = {"ModernBertForSequenceClassification"};
  rule.tensors.emplace_back(modern_head);
  rule.expected.emplace_back(modern_head_switches);
  rule.left_out.clear();
  rule.more = write_modern_ranking;
  return rule;
}

}  // namespace quern::detail::checkpoints
