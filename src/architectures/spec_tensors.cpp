// Tensors: every one that a family names is found, its shape and type checked, and at the end none may be
// left.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/architectures/spec_builder.h"

namespace quern::detail {
namespace {

using formats::cat;
using formats::Tensor;
using formats::TensorType;

constexpr std::uint64_t max_vocab = 1u << 24;
constexpr std::uint64_t max_experts = 1024;

std::string dims_text(std::uint64_t d0, std::uint64_t d1, std::uint64_t d2) {
  std::string text = cat("{", d0);
  if (d1 != 1 || d2 != 1) text += cat(", ", d1);
  if (d2 != 1) text += cat(", ", d2);
  return text + "}";
}

bool is_vector_type(TensorType type) {
  return type == TensorType::f32 || type == TensorType::f16 || type == TensorType::bf16;
}

// The block number in "blk.<n>.rest", or nothing.
std::optional<std::uint64_t> block_number(std::string_view name) {
  if (!name.starts_with("blk.")) return {};
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(name.data() + 4, name.data() + name.size(), n);
  if (error != std::errc{} || end == name.data() + name.size() || *end != '.') return {};
  return n;
}

// Tensors of an encoder of images and of the way from it to the text's embeddings: without an image nothing
// depends on them.
bool is_image_tensor(std::string_view tensor) {
  return tensor.starts_with("v.") || tensor.starts_with("mm.");
}

}  // namespace

bool SpecBuilder::reads_images() const {
  return std::ranges::any_of(file_.tensors(),
                             [](const Tensor& tensor) { return is_image_tensor(tensor.name); });
}

void SpecBuilder::enter_layer(std::size_t n, std::string_view group) {
  layer_ = std::min<std::size_t>(n, n_heads_.size() - 1);
  prefix_ = cat(group, group.empty() ? "" : ".", "blk.", n, ".");
}

void SpecBuilder::leave_layers() { prefix_.clear(); }

const Tensor* SpecBuilder::find(std::string_view full_name, Presence presence) {
  if (presence == Presence::absent) return nullptr;
  const Tensor* tensor = file_.find(full_name);
  if (tensor) {
    used_[static_cast<std::size_t>(tensor - file_.tensors().data())] = true;
  } else if (presence == Presence::required) {
    fail(ErrorCode::corrupt, std::string(full_name),
         cat("tensor '", full_name, "' is missing, which architecture '", family_.name, "' needs"));
  }
  return tensor;
}

bool SpecBuilder::has_tensor(std::string_view name) const {
  return file_.find(cat(prefix_, name, ".weight")) != nullptr;
}

std::uint64_t SpecBuilder::n_rows(std::string_view name) const {
  const Tensor* tensor = file_.find(cat(prefix_, name, ".weight"));
  return tensor ? tensor->dims[1] : 0;
}

Presence SpecBuilder::together(Presence presence, std::initializer_list<std::string> names) const {
  if (presence != Presence::optional) return presence;
  const bool any = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return file_.find(cat(prefix_, name)) != nullptr;
  });
  return any ? Presence::required : Presence::absent;
}

void SpecBuilder::ignore(std::string_view full_name) { find(full_name, Presence::optional); }

bool SpecBuilder::check_dims(const Tensor& tensor, std::uint64_t d0, std::uint64_t d1, std::uint64_t d2) {
  const auto& dims = tensor.dims;
  if (dims[0] == d0 && dims[1] == d1 && dims[2] == d2 && dims[3] == 1) return true;
  fail(ErrorCode::corrupt, std::string(tensor.name),
       cat("tensor '", tensor.name, "' has shape ", dims_text(dims[0], dims[1], dims[2] * dims[3]),
           ", expected ", dims_text(d0, d1, d2)));
  return false;
}

Vector SpecBuilder::vector(std::string_view full_name, std::uint64_t n, Presence presence,
                           std::uint64_t n_rows) {
  const Tensor* tensor = find(full_name, presence);
  if (!tensor || !check_dims(*tensor, n, n_rows, 1)) return {};
  if (!is_vector_type(tensor->type)) {
    fail(ErrorCode::unsupported, std::string(full_name),
         cat("tensor '", full_name, "' has type ", formats::tensor_type_info(tensor->type).name,
             ", expected F32, F16 or BF16"));
    return {};
  }
  const Vector vector{spec.n_vector_floats, static_cast<std::size_t>(n * n_rows)};
  spec.vectors.push_back(tensor);
  spec.n_vector_floats += vector.size;
  return vector;
}

Matrix SpecBuilder::part(const Matrix& whole, std::uint64_t row_begin, std::uint64_t n_rows) {
  if (!whole) return {};
  Matrix rows = whole;
  rows.row_begin += row_begin;
  rows.n_rows = n_rows;
  if (whole.bias) rows.bias = {whole.bias.begin + row_begin, static_cast<std::size_t>(n_rows)};
  return rows;
}

const Tensor* SpecBuilder::weights(const std::string& name, std::uint64_t n_cols, std::uint64_t n_rows,
                                   std::uint64_t n_matrices, Presence presence) {
  const Tensor* tensor = find(name, presence);
  if (!tensor || !check_dims(*tensor, n_cols, n_rows, n_matrices)) return nullptr;
  if (formats::tensor_type_info(tensor->type).is_weight) return tensor;
  fail(ErrorCode::unsupported, name,
       cat("tensor '", name, "' has type ", formats::tensor_type_info(tensor->type).name,
           ", which is not a type of weights"));
  return nullptr;
}

Matrix SpecBuilder::matrix(std::string_view name, std::uint64_t n_cols, std::uint64_t n_rows,
                           Presence presence, Presence bias) {
  const std::string base = cat(prefix_, name);
  const Tensor* tensor = weights(base + ".weight", n_cols, n_rows, 1, presence);
  if (!tensor) return {};
  Matrix matrix{.tensor = tensor, .n_cols = n_cols, .n_rows = n_rows};
  matrix.bias = vector(base + ".bias", n_rows, bias);
  matrix.scale = product_scale(base, 1);
  return matrix;
}

Matrix SpecBuilder::table(const std::string& name, std::uint64_t n_cols, std::uint64_t n_rows,
                          Presence presence) {
  const Tensor* tensor = weights(name + ".weight", n_cols, n_rows, 1, presence);
  if (!tensor) return {};
  return {.tensor = tensor, .n_cols = n_cols, .n_rows = n_rows};
}

Vector SpecBuilder::product_scale(const std::string& base, std::uint64_t n_stacked) {
  ignore(base + ".input_scale");  // of activations, for those who round them to four bits
  const std::string name = base + ".scale";
  const Tensor* tensor = file_.find(name);
  return vector(name, tensor && tensor->dims[0] == 1 ? 1 : n_stacked, Presence::optional);
}

Matrix SpecBuilder::stacked_matrix(std::string_view name, std::uint64_t n_cols, std::uint64_t n_rows,
                                   std::uint64_t n_stacked, Presence bias) {
  const std::string base = cat(prefix_, name);
  const Tensor* tensor = weights(base + ".weight", n_cols, n_rows, n_stacked, Presence::required);
  if (!tensor) return {};
  Matrix matrix{.tensor = tensor, .n_cols = n_cols, .n_rows = n_rows, .expert_rows = n_rows};
  matrix.bias = vector(base + ".bias", n_rows, bias, n_stacked);
  matrix.scale = product_scale(base, n_stacked);
  return matrix;
}

Matrix SpecBuilder::expert_matrix(std::string_view name, std::uint64_t n_cols, std::uint64_t n_rows,
                                  std::uint64_t n_experts, Presence bias) {
  const std::string stacked = cat(name, "_exps");
  if (has_tensor(stacked) || bias != Presence::absent || !has_tensor(cat(name, ".0")))
    return stacked_matrix(stacked, n_cols, n_rows, n_experts, bias);
  Matrix matrix{.n_cols = n_cols, .n_rows = n_rows, .expert_rows = n_rows};
  for (std::uint64_t e = 0; e < n_experts; ++e) {
    const std::string full_name = cat(prefix_, name, ".", e, ".weight");
    const Tensor* tensor = weights(full_name, n_cols, n_rows, 1, Presence::required);
    if (!tensor) return {};
    if (e == 0) matrix.tensor = tensor;
    matrix.expert_tensors.push_back(tensor);
    if (kernels::activation_kind(tensor->type) == kernels::activation_kind(matrix.tensor->type)) continue;
    fail(ErrorCode::unsupported, full_name,
         cat("tensor '", full_name, "' has type ", formats::tensor_type_info(tensor->type).name,
             ", which does not go with ", formats::tensor_type_info(matrix.tensor->type).name,
             " of the layer's first expert"));
  }
  return matrix;
}

Norm SpecBuilder::norm(std::string_view name, NormKind kind, Presence bias, Presence presence) {
  return norm_of(name, spec.dim, 1, kind, bias, presence);
}

Norm SpecBuilder::norm_of(std::string_view name, std::uint64_t n, std::uint64_t n_rows, NormKind kind,
                          Presence bias, Presence presence) {
  Norm norm = norm_of(vector(cat(prefix_, name, ".weight"), n, presence, n_rows), kind);
  if (norm) norm.bias = vector(cat(prefix_, name, ".bias"), n, bias, n_rows);
  return norm;
}

Norm SpecBuilder::norm_of(Vector weight, NormKind kind) {
  if (!weight) return {};
  const std::string_view eps_key =
      kind == NormKind::rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon";
  const bool has_default = kind == NormKind::rms && default_rms_eps_ != 0;
  const float eps = has_default ? number_or(eps_key, default_rms_eps_) : number(eps_key);
  const Norm norm{.kind = kind, .eps = eps, .weight = weight};
  if (!(norm.eps > 0)) wrong(eps_key, norm.eps, "more than 0");
  return norm;
}

ConvSpec SpecBuilder::convolution(std::string_view name, std::uint64_t n_taps, std::uint64_t n_channels,
                                  Presence bias) {
  return {.n_taps = static_cast<std::uint32_t>(n_taps),
          .n_channels = static_cast<std::uint32_t>(n_channels),
          .taps = vector(cat(prefix_, name, ".weight"), n_taps, Presence::required, n_channels),
          .bias = vector(cat(prefix_, name, ".bias"), n_channels, bias)};
}

void SpecBuilder::embedding() {
  const Tensor* tensor = file_.find("token_embd.weight");
  const std::uint64_t n_rows = tensor ? tensor->dims[1] : 1;
  spec.token_embd = table("token_embd", spec.dim, n_rows, Presence::required);
  if (failed()) return;
  std::uint64_t n_tokens = 1;
  if (const formats::MetadataEntry* tokens = file_.metadata().find("tokenizer.ggml.tokens")) {
    if (const auto* array = std::get_if<formats::MetadataArray>(&tokens->value)) n_tokens = array->size;
  }
  // Where images are read, tokens that stand for them may have no embedding.
  const bool has_all = n_rows >= n_tokens || reads_images();
  if (!has_all || n_rows > max_vocab) {
    fail(ErrorCode::corrupt, "token_embd.weight",
         cat("tensor 'token_embd.weight' has ", n_rows, " rows, expected one for each of ", n_tokens,
             " tokens and at most ", max_vocab));
  }
  spec.n_vocab = static_cast<std::uint32_t>(n_rows);
}

void SpecBuilder::position_embedding(Presence presence) {
  spec.position_embd = table("position_embd", spec.dim, spec.n_ctx_train, presence);
}

void SpecBuilder::output(NormKind kind, Presence tied, Presence norm_bias, Presence output_bias,
                         std::string_view norm_name) {
  spec.output_norm = norm(norm_name, kind, norm_bias);
  if (tied == Presence::required) {
    ignore("output.weight");  // some converters write the copy; these families never read it
  } else {
    spec.output = matrix("output", spec.dim, spec.n_vocab,
                         tied == Presence::optional ? Presence::optional : Presence::required, output_bias);
  }
  if (spec.output) return;
  spec.output = spec.token_embd;
  if (tied == Presence::optional) spec.output.bias = vector("output.bias", spec.n_vocab, output_bias);
}

AttentionSpec SpecBuilder::attention(const AttentionOptions& options) {
  AttentionSpec a;
  a.n_heads = n_heads_[layer_];
  a.n_kv_heads = n_kv_heads_[layer_];
  a.k_dim = k_dim_;
  a.v_dim = v_dim_;
  a.rope = options.rope;
  if (a.n_heads == 0 || a.n_kv_heads == 0 || a.n_heads % a.n_kv_heads != 0) {
    const std::string field = key(a.n_heads == 0 ? "attention.head_count" : "attention.head_count_kv");
    fail(ErrorCode::corrupt, field,
         cat("layer ", layer_, " has ", a.n_heads, " heads and ", a.n_kv_heads, " key-value heads ('", field,
             "'), expected the second to divide the first"));
    return a;
  }
  a.scale = static_cast<float>(1.0 / std::sqrt(double(a.k_dim)));
  a.relative_bias = options.relative_bias;
  a.gated = options.gated;
  const std::uint64_t q_rows = std::uint64_t{a.n_heads} * a.q_stride(),
                      k_rows = std::uint64_t{a.n_kv_heads} * a.k_dim,
                      v_rows = std::uint64_t{a.n_kv_heads} * a.v_dim;
  const auto named = [&](std::string_view part) { return cat(options.name, part); };
  if (has_tensor(named("_qkv"))) {
    const Matrix qkv = matrix(named("_qkv"), spec.dim, q_rows + k_rows + v_rows, Presence::required,
                              options.qkv_bias == Presence::absent ? Presence::absent : Presence::optional);
    a.q = part(qkv, 0, q_rows);
    a.k = part(qkv, q_rows, k_rows);
    a.v = part(qkv, q_rows + k_rows, v_rows);
  } else {
    const Presence bias = together(options.qkv_bias, {named("_q.bias"), named("_k.bias"), named("_v.bias")});
    a.q = matrix(named("_q"), spec.dim, q_rows, Presence::required, bias);
    a.k = matrix(named("_k"), spec.dim, k_rows, Presence::required, bias);
    a.v = matrix(named("_v"), spec.dim, v_rows, Presence::required, bias);
  }
  a.output = matrix(options.output, std::uint64_t{a.n_heads} * a.v_dim, spec.dim, Presence::required,
                    options.output_bias);

  a.norm_scope = options.qk_norm_scope;
  const Presence normed = together(options.qk_norm, {named("_q_norm.weight"), named("_k_norm.weight")});
  const auto qk_norm = [&](std::string_view name, std::uint64_t heads) {
    const std::uint64_t n = a.norm_scope == QkNormScope::whole ? heads * a.k_dim : a.k_dim;
    return norm_of(name, n, a.norm_scope == QkNormScope::each_head ? heads : 1, options.qk_norm_kind,
                   options.qk_norm_bias, normed);
  };
  a.q_norm = qk_norm(named("_q_norm"), a.n_heads);
  a.k_norm = qk_norm(named("_k_norm"), a.n_kv_heads);
  return a;
}

DenseSpec SpecBuilder::dense(const DenseOptions& options) {
  return dense(options, options.hidden_dim != 0 ? options.hidden_dim : hidden_dim_[layer_], "");
}

DenseSpec SpecBuilder::dense(const DenseOptions& options, std::uint64_t hidden_dim, std::string_view suffix) {
  DenseSpec d;
  d.activation = options.activation;
  if (hidden_dim == 0) {
    fail(ErrorCode::corrupt, key("feed_forward_length"),
         cat("key '", key("feed_forward_length"), "' is absent or 0 for layer ", layer_));
    return d;
  }
  const std::string up = cat("ffn_up", suffix);
  if (options.fused_gate) {
    const Matrix both = matrix(up, spec.dim, 2 * hidden_dim, Presence::required, options.bias);
    d.gate = part(both, 0, hidden_dim);
    d.up = part(both, hidden_dim, hidden_dim);
  } else {
    if (options.gated)
      d.gate = matrix(cat("ffn_gate", suffix), spec.dim, hidden_dim, Presence::required, options.bias);
    d.up = matrix(up, spec.dim, hidden_dim, Presence::required, options.bias);
  }
  d.divisors = vector(cat(prefix_, "ffn.act.scales"), hidden_dim, options.divisors);
  d.down = matrix(cat("ffn_down", suffix), hidden_dim, spec.dim, Presence::required, options.bias);
  return d;
}

ExpertsSpec SpecBuilder::experts(const ExpertOptions& options) {
  ExpertsSpec e;
  e.n_experts = static_cast<std::uint32_t>(size("expert_count", max_experts));
  e.n_used = static_cast<std::uint32_t>(size("expert_used_count", max_experts));
  e.gating = options.gating;
  e.renormalize = options.renormalize;
  if (e.n_used > e.n_experts)
    wrong("expert_used_count", e.n_used, cat("at most the ", e.n_experts, " experts"));
  // Written in the file only to confirm what the family does; 0: not said.
  const std::uint64_t gating = size_or("expert_gating_func", 0, UINT32_MAX);
  const std::uint64_t own = options.gating == Gating::softmax ? 1 : options.gating == Gating::sigmoid ? 2 : 3;
  if (gating != 0 && gating != own) {
    fail(ErrorCode::unsupported, key("expert_gating_func"),
         cat("key '", key("expert_gating_func"), "' is ", gating, ", expected ", own, " for architecture '",
             family_.name, "'"));
  }
  for (const std::string_view name : {"expert_weights_norm", "norm_top_k_prob"}) {  // one thing, two names
    if (boolean_or(name, options.renormalize) == options.renormalize) continue;
    fail(ErrorCode::unsupported, key(name),
         cat("key '", key(name), "' is ", !options.renormalize, ", expected ", options.renormalize,
             " for architecture '", family_.name, "'"));
  }
  has("expert_feed_forward_length");  // where the family does not read it, the tensors' shapes confirm it
  const std::uint64_t n_groups = size_or("expert_group_count", 0, max_experts);
  has("expert_group_used_count");  // of one group that one
  if (n_groups > 1) {
    e.n_groups = static_cast<std::uint32_t>(n_groups);
    e.n_groups_used = static_cast<std::uint32_t>(size("expert_group_used_count", max_experts));
    if (e.n_experts % e.n_groups != 0)
      wrong("expert_group_count", e.n_groups, cat("a divisor of ", e.n_experts));
    if (e.n_groups_used > e.n_groups)
      wrong("expert_group_used_count", e.n_groups_used, cat("at most ", e.n_groups));
    if (!failed() && e.n_experts / e.n_groups * e.n_groups_used < e.n_used)
      wrong("expert_group_used_count", e.n_groups_used, cat("groups that hold ", e.n_used, " experts"));
  }
  if (options.hidden_dim == 0) {
    fail(ErrorCode::corrupt, key("expert_feed_forward_length"),
         cat("experts of architecture '", family_.name, "' have no size: '",
             key("expert_feed_forward_length"), "' and '", key("feed_forward_length"), "' are absent or 0"));
  }
  if (failed()) return e;

  e.router = matrix("ffn_gate_inp", spec.dim, e.n_experts, Presence::required, options.bias);
  e.selection_bias = vector(cat(prefix_, "exp_probs_b.bias"), e.n_experts, options.selection_bias);
  e.expert.activation = options.activation;
  const bool may_be_fused = options.gated && options.bias == Presence::absent;
  if (may_be_fused && has_tensor("ffn_gate_up_exps")) {  // the gate's rows come first
    const Matrix both =
        stacked_matrix("ffn_gate_up_exps", spec.dim, 2 * options.hidden_dim, e.n_experts, Presence::absent);
    e.expert.gate = part(both, 0, options.hidden_dim);
    e.expert.up = part(both, options.hidden_dim, options.hidden_dim);
  } else {
    if (options.gated)
      e.expert.gate = expert_matrix("ffn_gate", spec.dim, options.hidden_dim, e.n_experts, options.bias);
    e.expert.up = expert_matrix("ffn_up", spec.dim, options.hidden_dim, e.n_experts, options.bias);
  }
  e.expert.down = expert_matrix("ffn_down", options.hidden_dim, spec.dim, e.n_experts, options.bias);
  if (options.shared_hidden_dim != 0) {
    e.shared = dense({.activation = options.activation}, options.shared_hidden_dim, "_shexp");
    e.shared_gate = matrix("ffn_gate_inp_shexp", spec.dim, 1, options.shared_gate);
  }
  return e;
}

void SpecBuilder::check_unused() {
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (used_[i]) continue;
    const std::string_view name = file_.tensors()[i].name;
    // Blocks after the last layer only predict further tokens; the logits do not depend on them.
    const auto block = block_number(name);
    if (block && *block >= spec.n_layers && *block < n_blocks_) continue;
    if (name.starts_with("mtp.")) continue;  // the same by another name
    if (is_image_tensor(name)) {
      ++spec.n_image_tensors;
      continue;
    }
    fail(ErrorCode::unsupported, formats::printable(name),
         cat("tensor '", formats::printable(name), "' has no part in architecture '", family_.name,
             "' as this build computes it"));
    return;
  }
}

Result<ModelSpec> read_model_spec(const formats::ModelFile& file) {
  QUERN_TRY(const std::string_view name, file.metadata().string("general.architecture"));
  for (const Family* family : families()) {
    if (family->name == name) return SpecBuilder(file, *family).build();
  }
  std::string known;
  for (const Family* family : families()) known += cat(known.empty() ? "" : ", ", family->name);
  return Error{ErrorCode::unsupported,
               cat("key 'general.architecture' is '", formats::printable(name), "', expected one of ", known),
               "general.architecture"};
}

}  // namespace quern::detail
