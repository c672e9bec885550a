#pragma once
// A model as data: what one forward pass (runtime/forward.cpp) needs to know, whatever family the file
// belongs to. Each architectures/<family>.cpp maps metadata and tensor names onto these structs; nothing else
// knows the family.
//
// Computation of a decoder, with the switches below:
//   x = token_embd[token] * embedding_scale (+ position_embd[position])
//   per layer:  a = post_mixer_norm(mixer(mixer_norm(x)));   x' = x + residual_scale * a
//               f = post_ffn_norm(ffn(ffn_norm(parallel ? x : x')));   x = x' + residual_scale * f
//   logits = soft_cap(logit_scale * (output * output_norm(x) + bias))
// Layers of a decoder that has an encoder beside it look at what that made of a source text between the two
// parts: x'' = x' + cross(cross_norm(x')).
// Encoders normalise sums: x' = mixer_sum_norm(x + a), and likewise behind the FFN. They have no logits; what
// becomes of their last hidden states, output_norm(x), is said by EmbeddingSpec.
// An absent norm is the identity; in a parallel layer without ffn_norm the FFN reads what the mixer reads.
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/model_file.h"
#include "kernels/kernel_table.h"
#include "quern/token.h"

namespace quern::detail {

/// A vector of floats from the file (F32, F16 or BF16 there), kept as F32 in LoadedModel's own memory from
/// `begin` on. Absent: size 0.
struct Vector {
  std::size_t begin = 0;
  std::size_t size = 0;
  explicit operator bool() const { return size != 0; }
};

/// A weight matrix, or some rows of one: n_cols values in, n_rows out. Tensors that hold several projections
/// one after another (attn_qkv, fused gate and up) are simply several of these. Absent: no tensor.
struct Matrix {
  const formats::Tensor* tensor = nullptr;
  std::uint64_t n_cols = 0;
  std::uint64_t n_rows = 0;
  std::uint64_t row_begin = 0;    ///< first row inside the tensor
  std::uint64_t expert_rows = 0;  ///< rows from one expert (or head) to the next; 0: there is one matrix only
  /// Of experts with a tensor each: theirs, all read by activations of one kind; `tensor` is the first.
  std::vector<const formats::Tensor*> expert_tensors{};
  Vector bias{};   ///< [n_rows], of experts [n_experts, n_rows]
  Vector scale{};  ///< of the products, before the bias: one number, or one for each expert
  explicit operator bool() const { return tensor != nullptr; }
  /// Where the rows of expert n begin.
  const std::byte* expert_data(std::size_t n) const {
    if (!expert_tensors.empty()) return expert_tensors[n]->data;
    return tensor->data + (row_begin + n * expert_rows) * tensor->row_bytes();
  }
  const formats::Tensor& expert_tensor(std::size_t n) const {
    return expert_tensors.empty() ? *tensor : *expert_tensors[n];
  }
};

enum class NormKind : std::uint8_t { none, rms, layer };

struct Norm {
  NormKind kind = NormKind::none;
  float eps = 0;
  Vector weight{};
  Vector bias{};
  explicit operator bool() const { return kind != NormKind::none; }
};

/// Bounds on what may divide a rotary frequency, so that hostile ones cannot leave the range of sin_cos().
inline constexpr float min_rope_divisor = 1.0f / 1024, max_rope_divisor = 1u << 20;

/// One rotary table. Pair i of position p turns by freq_scale * p * theta^(-2i/n_rot) / factors[i]; with yarn
/// the fast pairs keep their trained frequency. cos and sin are multiplied by a magnitude (see
/// rope_table.cpp).
struct RopeSpec {
  kernels::RopeKind kind = kernels::RopeKind::interleaved;
  std::uint32_t n_rot = 0;  ///< rotated elements of a head, even
  double theta = 10000;     ///< `rope.freq_base`
  double freq_scale = 1;    ///< 1 / `rope.scaling.factor`
  bool yarn = false;
  double yarn_growth = 0.1;            ///< yarn's magnitude is 1 + yarn_growth * ln(scaling factor)
  double attn_factor = 1;              ///< `rope.scaling.attn_factor`
  std::uint64_t original_context = 0;  ///< `rope.scaling.original_context_length`
  /// `rope.dimension_sections`: pairs shared out to four axes of positions. For text the first three stand at
  /// the token's position and the fourth at 0, so its pairs do not turn. All 0: no sections.
  std::array<std::uint32_t, 4> sections{};
  Vector factors{};        ///< [n_rot/2] divisors of the frequencies, for every context length
  Vector long_factors{};   ///< the same when opened for more than original_context positions...
  Vector short_factors{};  ///< ...and when not
};

/// Numbers added to scores by how far a key stands from the query (T5, arXiv 1910.10683, section 2.1): near
/// distances have a bucket each, farther ones share.
struct RelativeBias {
  static constexpr std::size_t max_distance = 128;  ///< all from here on share one bucket
  Vector values{};                                  ///< [n_buckets, n_heads]
  /// The bucket of each distance, for keys up to the query's own position and for those behind it.
  std::array<std::uint16_t, max_distance + 1> back{}, ahead{};
};

enum class QkNormScope : std::uint8_t {
  head,       ///< weight [head_dim], every head normalised alone with the same weight
  each_head,  ///< weight [n_heads * head_dim], every head normalised alone with its own weight
  whole,      ///< weight [n_heads * head_dim], one mean over all heads
};

/// Latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): keys and values of all heads are linear in
/// one vector c of `dim` values a token, so only c and one rotated key part serve as the cache, for all heads
/// together:
///   score = q_nope . (k_up c) + rope(q_pe) . rope(k_pe) = (k_up^T q_nope) . c + ...;  out = v_up (sum of w
///   c)
/// An AttentionSpec with a LatentSpec has one KV head whose key is [c | k_pe] and whose value is c, k_dim =
/// dim + n_rot and v_dim = dim; `q` gives per head n_nope + n_rot values, `k` gives [c | k_pe] before norm
/// and rotation.
struct LatentSpec {
  std::uint32_t dim = 0;         ///< of c
  std::uint32_t n_nope = 0;      ///< unrotated values of a head's query
  std::uint32_t n_rot = 0;       ///< rotated values, behind them
  std::uint32_t head_v_dim = 0;  ///< of a head's value
  Matrix q_down{};  ///< the input of `q`, where it is of low rank; absent: q reads the layer's input
  Norm q_down_norm{}, norm{};  ///< of that input; of c
  Matrix q_to_latent{};        ///< each head's k_up^T, [dim rows of n_nope]; absent: k_up is there
  Matrix k_up{};               ///< each head's k_up, [n_nope rows of dim]
  Matrix v_up{};               ///< each head's, [head_v_dim rows of dim]
  float temperature = 0;       ///< q times 1 + temperature * ln(1 + floor(position / temperature_length))
  std::uint32_t temperature_length = 1;
};

struct AttentionSpec {
  std::uint32_t n_heads = 0, n_kv_heads = 0;
  std::uint32_t k_dim = 0, v_dim = 0;  ///< of a head
  Matrix q{}, k{}, v{}, output{};
  float clamp = 0;          ///< q, k, v limited to [-clamp, clamp]; 0: not
  Norm q_norm{}, k_norm{};  ///< before the rotation
  QkNormScope norm_scope = QkNormScope::head;
  int rope = -1;                      ///< index into ModelSpec::ropes; -1: no rotation
  float scale = 1;                    ///< of the scores
  float soft_cap = 0;                 ///< cap * tanh(score / cap); 0: none
  bool causal = true;                 ///< false: tokens see the whole text, later ones too
  std::uint32_t window = 0;           ///< causal: keys seen, the token's own included; else half of it on
                                      ///< each side and the token's own; 0: all
  std::vector<float> alibi_slopes{};  ///< [n_heads], or empty
  Vector sinks{};                     ///< [n_heads], or absent
  int relative_bias = -1;             ///< index into ModelSpec::relative_biases; -1: none
  bool cross = false;                 ///< keys and values are those of the source, k and v of its encoding
  std::optional<LatentSpec> latent{};
  bool gated = false;  ///< `q` gives per head k_dim query values, then v_dim whose sigmoid multiplies the
                       ///< head's output

  std::uint32_t q_stride() const { return gated ? k_dim + v_dim : k_dim; }  ///< from head to head
};

/// A convolution over a sequence's tokens, each channel alone, from the n_taps - 1 tokens before to the own.
struct ConvSpec {
  std::uint32_t n_taps = 0, n_channels = 0;
  Vector taps{};  ///< [n_channels, n_taps]
  Vector bias{};  ///< [n_channels], or absent
};

/// [b, c, x] = in(input);  out(c * conv(b * x)).
struct ShortConvSpec {
  Matrix in, out;
  ConvSpec conv;
};

/// Gated delta net (arXiv 2412.06464): a matrix of head_dim x head_dim a value head, which forgets and
/// corrects itself token by token.
///   [q, k, v] = silu(conv(qkv)), q and k of length 1;  beta = sigmoid(b);  decay = e^(softplus(a + dt_bias)
///   * a_log) S = decay S;  S = S + beta (v - S k) k^T;  o = S q / sqrt(head_dim);  output(norm(o) *
///   silu(gate))
struct DeltaNetSpec {
  std::uint32_t n_key_heads = 0, n_value_heads = 0, head_dim = 0;
  bool tiled = false;  ///< value head h meets key head h % n_key_heads; otherwise neighbours share one
  Matrix qkv{}, gate{};
  /// `qkv` gives all, a key head at a time: q, k, the v and the gates of its value heads. There is no `gate`.
  bool grouped_input = false;
  Matrix beta{},
      alpha{};    ///< b and a, [n_value_heads] each; or both in `beta`, per key head all b, then all a
  ConvSpec conv;  ///< over q, k and v
  Vector dt_bias, a_log;  ///< [n_value_heads]; the file holds -e^A
  float length_eps = 0;   ///< the least length that q and k are divided by
  Norm norm;              ///< of each head's o
  Matrix output;
};

/// State space (Mamba-2, arXiv 2405.21060): a matrix of head_dim x state_dim a head.
///   [z, xbc, dt] = in(input);  [x, b, c] = silu(conv(xbc));  step = softplus(dt + dt_bias)
///   S = e^(step * a) S + (step x) b^T;  y = S c + skip x;  out(norm(y * silu(z)))
/// Groups of neighbouring heads share b and c; the norm is over each group's heads.
struct StateSpaceSpec {
  std::uint32_t n_heads = 0, head_dim = 0, n_groups = 0, state_dim = 0;
  Matrix in, out;
  ConvSpec conv;            ///< over x, b and c
  Vector dt_bias, a, skip;  ///< [n_heads]
  Norm norm{};              ///< [n_heads * head_dim]

  std::uint64_t inner_dim() const { return std::uint64_t{n_heads} * head_dim; }
};

using Mixer = std::variant<AttentionSpec, ShortConvSpec, DeltaNetSpec, StateSpaceSpec>;

enum class Activation : std::uint8_t { silu, gelu, relu, swiglu_clamped };

/// down(act(gate x) * (up x)); without a gate down(act(up x)). Without `up` the layer has no feed-forward
/// part.
struct DenseSpec {
  Matrix gate, up, down;
  Activation activation = Activation::silu;
  Vector divisors{};  ///< of what `down` reads, or absent
};

enum class Gating : std::uint8_t { softmax, sigmoid, softmax_of_chosen };

struct ExpertsSpec {
  std::uint32_t n_experts = 0, n_used = 0;
  std::uint32_t n_groups = 0, n_groups_used = 0;  ///< 0: experts are not grouped
  Matrix router;
  Gating gating = Gating::softmax;
  Vector selection_bias{};   ///< [n_experts], for choosing only
  bool renormalize = false;  ///< weights of the chosen sum to one
  float weights_scale = 1;
  DenseSpec expert;      ///< matrices with expert_rows
  DenseSpec shared{};    ///< an ordinary FFN beside the experts, if `up` is present
  Matrix shared_gate{};  ///< one row: the shared FFN is multiplied by its sigmoid
};

struct LayerSpec {
  Norm mixer_norm{};
  Mixer mixer;
  std::optional<StateSpaceSpec> beside{};  ///< a second mixer of the same input, whose result is added
  Norm post_mixer_norm{};
  Norm mixer_sum_norm{};
  Norm mixer_second_sum_norm{};          ///< x' = this(x + mixer_sum_norm(x + a))
  std::optional<AttentionSpec> cross{};  ///< to the source
  Norm cross_norm{};
  bool parallel = false;
  Norm ffn_norm{};
  std::variant<DenseSpec, ExpertsSpec> ffn;
  Norm post_ffn_norm{};
  Norm ffn_sum_norm{};
  float residual_scale = 1;
};

enum class Pooling : std::uint8_t { none, mean, cls, last, rank };

/// A layer behind pooling: act(matrix * x + bias), then the norm.
struct HeadLayer {
  enum class Act : std::uint8_t { none, tanh, gelu };
  Matrix matrix;
  Act act = Act::none;
  Norm norm{};
};

/// One vector out of the hidden states of a text's tokens.
struct EmbeddingSpec {
  std::optional<Pooling> pooling{};  ///< `pooling_type`
  std::vector<HeadLayer> dense{};    ///< behind the pooling of mean, cls and last
  Pooling rank_from = Pooling::cls;  ///< what rank pooling takes before its layers
  std::vector<HeadLayer> rank{};     ///< its layers, one row a label; empty: the model cannot rank
  bool rank_softmax = false;         ///< over the labels
};

struct ModelSpec {
  std::string_view architecture{};  ///< `general.architecture`; static storage
  std::uint32_t n_layers = 0;       ///< `block_count`
  std::uint32_t dim = 0;            ///< `embedding_length`: width of the residual stream
  std::uint32_t n_vocab = 0;        ///< rows of token_embd
  std::uint32_t n_ctx_train = 0;    ///< `context_length`
  Matrix token_embd{};
  float embedding_scale = 1;
  Matrix position_embd{};  ///< learned positions, row p for position p
  Matrix token_types{};    ///< row 0 is added to every token
  Norm embedding_norm{};
  std::vector<RopeSpec> ropes{};
  std::vector<RelativeBias> relative_biases{};
  std::vector<LayerSpec> encoder{};  ///< layers that read a source text; empty: the model has no encoder
  Norm encoder_norm{};               ///< of their result
  Token decoder_start = -1;          ///< `decoder_start_token_id`: what answers to a source begin with
  std::vector<LayerSpec> layers{};
  Norm output_norm{};
  Matrix output{};  ///< token_embd where the file ties them; absent: the model writes no text
  float logit_scale = 1;
  float logit_cap = 0;  ///< cap * tanh(logit / cap); 0: none
  EmbeddingSpec embedding{};

  std::uint64_t tensor_bytes = 0;     ///< of all tensors in the file
  std::uint32_t n_image_tensors = 0;  ///< of a part that reads images, which is set aside
  /// The vectors to read, in the order of their places in memory, and how many floats that is.
  std::vector<const formats::Tensor*> vectors{};
  std::size_t n_vector_floats = 0;
};

/// Whether tokens see only what stands before them, so that text can be written one by one.
bool is_causal(const ModelSpec& spec);
/// Whether it also has logits. Models that write no text read whole ones.
inline bool writes_text(const ModelSpec& spec) { return spec.output && is_causal(spec); }

/// Calls visit(matrix, n_read) for every matrix that a layer multiplies with; n_read: how many of the
/// matrices stacked in it (experts, heads) one token meets.
template <typename Visit>
void for_each_matrix(const LayerSpec& layer, Visit&& visit) {
  const auto present = [&](std::initializer_list<const Matrix*> matrices, std::uint64_t n_stacked = 1) {
    for (const Matrix* matrix : matrices)
      if (*matrix) visit(*matrix, matrix->expert_rows != 0 ? n_stacked : 1);
  };
  if (const auto* a = std::get_if<AttentionSpec>(&layer.mixer)) {
    present({&a->q, &a->k, &a->v, &a->output});
    if (const auto& l = a->latent) present({&l->q_down, &l->q_to_latent, &l->k_up, &l->v_up}, a->n_heads);
  }
  if (const auto& c = layer.cross) {
    present({&c->q, &c->output});
    for (const Matrix* matrix : {&c->k, &c->v}) visit(*matrix, std::uint64_t{0});  // once for a source
  }
  const auto see_state_space = [&](const StateSpaceSpec& s) { present({&s.in, &s.out}); };
  if (const auto* c = std::get_if<ShortConvSpec>(&layer.mixer)) present({&c->in, &c->out});
  if (const auto* n = std::get_if<DeltaNetSpec>(&layer.mixer))
    present({&n->qkv, &n->gate, &n->beta, &n->alpha, &n->output});
  if (const auto* s = std::get_if<StateSpaceSpec>(&layer.mixer)) see_state_space(*s);
  if (layer.beside) see_state_space(*layer.beside);
  if (const auto* d = std::get_if<DenseSpec>(&layer.ffn)) present({&d->gate, &d->up, &d->down});
  if (const auto* e = std::get_if<ExpertsSpec>(&layer.ffn)) {
    present({&e->router, &e->expert.gate, &e->expert.up, &e->expert.down}, e->n_used);
    present({&e->shared.gate, &e->shared.up, &e->shared.down, &e->shared_gate});
  }
}

/// Maps a file's metadata and tensors onto a ModelSpec. Everything the forward pass relies on is checked
/// here: hyper-parameters and their relations, presence, shape and type of every tensor, and that nothing in
/// the file is left unused. The header is enough; the spec points into `file`, which must stay alive (any
/// copy of it does).
Result<ModelSpec> read_model_spec(const formats::ModelFile& file);

}  // namespace quern::detail
