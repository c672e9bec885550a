// What encoders and other models of whole texts have: token types, pooling, and the layers behind it.
#include "formats/printable.h"
#include "formats/try.h"
#include "src/architectures/spec_builder.h"

namespace quern::detail {

using formats::cat;

namespace {

constexpr std::uint64_t max_types = 1u << 16, max_outputs = 1u << 20;

}  // namespace

bool is_causal(const ModelSpec& spec) {
  for (const LayerSpec& layer : spec.layers)
    if (const auto* attention = std::get_if<AttentionSpec>(&layer.mixer); attention && !attention->causal)
      return false;
  return true;
}

void SpecBuilder::token_types() {
  constexpr std::string_view key = "tokenizer.ggml.token_type_count";
  const std::uint64_t n = take(file_.metadata().unsigned_integer(key, max_types), std::uint64_t{1});
  if (n == 0) {
    fail(ErrorCode::corrupt, std::string(key), cat("key '", key, "' is 0, expected 1 to ", max_types));
    return;
  }
  // Models without types have one by this count, and no row for it.
  spec.token_types = table("token_types", spec.dim, n, n == 1 ? Presence::optional : Presence::required);
}

void SpecBuilder::ranking(const RankingOptions& options) {
  std::uint64_t n_labels = 1;
  const std::string labels_key = key("classifier.output_labels");
  if (file_.metadata().has(labels_key))
    n_labels = take(file_.metadata().strings(labels_key), std::span<const std::string_view>()).size();
  if (n_labels == 0) {
    fail(ErrorCode::corrupt, labels_key, cat("key '", labels_key, "' is empty, expected one label or more"));
    return;
  }
  const bool has_output = has_tensor("cls.output");
  EmbeddingSpec& e = spec.embedding;
  e.rank_from = options.from;
  e.rank_softmax = options.softmax;
  if (has_tensor("cls")) {
    HeadLayer layer{.matrix = matrix("cls", spec.dim, has_output ? spec.dim : n_labels, Presence::required,
                                     Presence::optional),
                    .act = options.act};
    if (options.norm) layer.norm = norm("cls.norm", NormKind::layer, Presence::optional, Presence::optional);
    e.rank.push_back(layer);
  }
  if (has_output)
    e.rank.push_back(
        {.matrix = matrix("cls.output", spec.dim, n_labels, Presence::required, Presence::optional)});
}

void SpecBuilder::embedding_head() {
  std::uint64_t width = spec.dim;
  for (const std::string_view name : {"dense_2", "dense_3", "dense.0", "dense.1"}) {
    if (!has_tensor(name)) continue;
    const std::uint64_t n_out = size_or(cat(name, "_feat_out"), n_rows(name), max_outputs);
    const std::uint64_t n_in = size_or(cat(name, "_feat_in"), width, max_outputs);
    if (n_in != width) wrong(cat(name, "_feat_in"), n_in, cat("the ", width, " values before it"));
    if (n_out == 0) wrong(cat(name, "_feat_out"), n_out, cat("1 to ", max_outputs));
    if (failed()) return;
    spec.embedding.dense.push_back({.matrix = matrix(name, width, n_out)});
    width = n_out;
  }
}

void SpecBuilder::read_pooling() {
  if (has("pooling_type")) spec.embedding.pooling = static_cast<Pooling>(size_or("pooling_type", 0, 4));
  if (spec.embedding.pooling == Pooling::rank && spec.embedding.rank.empty()) {
    fail(ErrorCode::corrupt, key("pooling_type"),
         cat("key '", key("pooling_type"),
             "' is 4, which ranks, but tensors 'cls.weight' and "
             "'cls.output.weight' are missing"));
    return;
  }
  if (boolean_or("attention.causal", true)) return;
  // The key turns any family into one that reads whole texts.
  for (LayerSpec& layer : spec.layers) {
    auto* attention = std::get_if<AttentionSpec>(&layer.mixer);
    if (!attention || !attention->causal) continue;
    attention->causal = false;
    if (attention->window == 0) continue;
    fail(ErrorCode::unsupported, key("attention.causal"),
         cat("key '", key("attention.causal"), "' is false beside the windows of architecture '",
             family_.name, "', which look back only"));
  }
}

}  // namespace quern::detail
