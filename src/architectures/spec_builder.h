#pragma once
// What a family's file works with: it reads hyper-parameters and tensors, checks them, and fills a ModelSpec.
// The first error sticks and is what build() returns; after it every call is harmless, so family files need
// no error handling.
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/try.h"
#include "src/architectures/model_spec.h"

namespace quern::detail {

class SpecBuilder;

/// One architecture: the word in `general.architecture`, and the function that maps its files onto a spec.
struct Family {
  std::string_view name;
  void (*build)(SpecBuilder&);
};

/// Far above any real model.
inline constexpr std::uint64_t max_layers = 512;
inline constexpr std::uint64_t max_window = 1u << 30;

/// Hidden values of a feed-forward part at most, an expert's too.
inline constexpr std::uint64_t max_hidden_dim = 1u << 24;

enum class Presence : std::uint8_t { absent, optional, required };

struct AttentionOptions {
  std::string_view name = "attn", output = "attn_output";  ///< of its tensors, "<name>_q" and so on
  int rope = -1;                                           ///< from SpecBuilder::rope
  Presence qkv_bias = Presence::absent;
  Presence output_bias = Presence::absent;
  Presence qk_norm = Presence::absent;
  NormKind qk_norm_kind = NormKind::rms;
  QkNormScope qk_norm_scope = QkNormScope::head;
  Presence qk_norm_bias = Presence::absent;
  int relative_bias = -1;  ///< from SpecBuilder::relative_bias
  bool gated = false;  ///< attn_q holds per head the query's rows, then those of a gate on the head's output
};

struct DenseOptions {
  Activation activation = Activation::silu;
  bool gated = true;
  bool fused_gate = false;  ///< ffn_up holds the gate's rows, then the up projection's
  Presence bias = Presence::absent;
  Presence divisors = Presence::absent;  ///< ffn.act.scales, which divide the activation
  std::uint64_t hidden_dim = 0;          ///< 0: `feed_forward_length`
};

struct ExpertOptions {
  std::uint64_t hidden_dim = 0;  ///< of one expert
  Gating gating = Gating::softmax;
  bool renormalize = true;
  Activation activation = Activation::silu;
  bool gated = true;
  Presence bias = Presence::absent;            ///< on the router and on the experts
  Presence selection_bias = Presence::absent;  ///< exp_probs_b, for choosing only
  std::uint64_t shared_hidden_dim = 0;         ///< 0: no shared expert
  Presence shared_gate = Presence::absent;
};

struct RankingOptions {
  Pooling from = Pooling::cls;
  HeadLayer::Act act = HeadLayer::Act::tanh;  ///< behind `cls`
  bool norm = false;                          ///< cls.norm behind that
  bool softmax = false;
};

class SpecBuilder {
 public:
  SpecBuilder(const formats::ModelFile& file, const Family& family);
  /// Reads what all families have, then the family's own part, then checks that no tensor and no
  /// hyper-parameter is left over.
  Result<ModelSpec> build();

  ModelSpec spec{};

  // Hyper-parameters. Keys are without the architecture's prefix.
  bool has(std::string_view key);
  /// A required integer in [1, max].
  std::uint64_t size(std::string_view key, std::uint64_t max);
  /// An integer in [0, max], or the fallback.
  std::uint64_t size_or(std::string_view key, std::uint64_t fallback, std::uint64_t max);
  float number(std::string_view key);
  float number_or(std::string_view key, float fallback);
  /// What `attention.layer_norm_rms_epsilon` is from here on where the file does not have it.
  void default_rms_epsilon(float eps) { default_rms_eps_ = eps; }
  /// Valid as long as the file.
  std::string_view text_or(std::string_view key, std::string_view fallback);
  bool boolean(std::string_view key);
  bool boolean_or(std::string_view key, bool fallback);
  std::vector<std::int64_t> integers(std::string_view key);
  /// One number for all layers, or an array with one for each.
  std::vector<std::uint32_t> per_layer(std::string_view key, std::uint64_t fallback, std::uint64_t max);

  /// `feed_forward_length`
  std::uint32_t hidden_dim(std::size_t layer) const { return hidden_dim_[layer]; }
  /// `attention.head_count`, `attention.head_count_kv`
  std::uint32_t n_heads(std::size_t layer) const { return n_heads_[layer]; }
  std::uint32_t n_kv_heads(std::size_t layer) const { return n_kv_heads_[layer]; }

  /// `sliding_window_pattern` P: layer n is local if n % P < P - 1, or with the global layer first if n % P
  /// != 0; P = 0: all are. Arrays are not read.
  std::vector<bool> local_layers(std::uint64_t default_period, bool global_first = false);

  // Rotary tables.
  struct RopeOptions {
    kernels::RopeKind kind = kernels::RopeKind::interleaved;
    bool factors = false;       ///< reads rope_freqs, where the file has it
    bool long_factors = false;  ///< reads rope_factors_long and rope_factors_short
    std::string_view theta_key = "rope.freq_base";
    double theta = 10000;  ///< where the key is absent
    double factor = 0;     ///< where `rope.scaling.factor` is absent; 0: none
  };
  /// Adds the file's rotary table, scaling included, and returns its index.
  int rope(const RopeOptions& options);
  /// The same for families whose heads are rotated whole.
  int full_rope(const RopeOptions& options);
  /// A base of rotary frequencies, 1 or more.
  double rope_theta(std::string_view key, double fallback);
  /// Adds the biases of tensor `name` {heads, n_buckets} and returns their index; -1 where there is none.
  /// both_sides: half of the buckets are for keys behind the query.
  int relative_bias(std::string_view name, std::uint64_t n_buckets, bool both_sides, Presence presence);
  /// Adds a table that a family derived from another, and returns its index.
  int add_rope(const RopeSpec& rope);

  // Tensors; names are without ".weight" and, inside for_each_layer, without "blk.N.".
  bool has_tensor(std::string_view name) const;
  /// Rows of a matrix; 0 where there is no such tensor.
  std::uint64_t n_rows(std::string_view name) const;
  Matrix matrix(std::string_view name, std::uint64_t n_cols, std::uint64_t n_rows,
                Presence = Presence::required, Presence bias = Presence::absent);
  Vector vector(std::string_view full_name, std::uint64_t n, Presence = Presence::required,
                std::uint64_t n_rows = 1);
  /// RMS norm, or LayerNorm with or without a bias, over the model's width.
  Norm norm(std::string_view name, NormKind kind, Presence bias = Presence::absent,
            Presence = Presence::required);
  /// The same over n values, with weights of their own for each of n_rows of them.
  Norm norm_of(std::string_view name, std::uint64_t n, std::uint64_t n_rows, NormKind kind,
               Presence bias = Presence::absent, Presence = Presence::required);
  /// The same with weights that are already found.
  Norm norm_of(Vector weight, NormKind kind);
  /// A convolution over tokens: tensor {n_taps, n_channels}.
  ConvSpec convolution(std::string_view name, std::uint64_t n_taps, std::uint64_t n_channels,
                       Presence bias = Presence::absent);
  /// n_stacked matrices in one tensor, a required one: of experts or of heads.
  Matrix stacked_matrix(std::string_view name, std::uint64_t n_cols, std::uint64_t n_rows,
                        std::uint64_t n_stacked, Presence bias = Presence::absent);
  /// Rows [row_begin, row_begin + n_rows) of a matrix without experts' biases, or of each matrix in a stack.
  static Matrix part(const Matrix& whole, std::uint64_t row_begin, std::uint64_t n_rows);
  /// A tensor that files may hold and the computation does not use; the call says why.
  void ignore(std::string_view full_name);
  /// The same for a hyper-parameter.
  void ignore_key(std::string_view name) { key(name); }

  // Parts that most families share.
  void embedding();
  void position_embedding(Presence presence);
  /// token_types, as many as `tokenizer.ggml.token_type_count` says.
  void token_types();
  /// output_norm and output; `tied`: absent means required, optional means token_embd serves where it is
  /// missing, required means token_embd always serves.
  void output(NormKind kind, Presence tied, Presence norm_bias = Presence::absent,
              Presence output_bias = Presence::absent, std::string_view norm_name = "output_norm");
  /// Only the last norm, for models without logits.
  void output_norm(NormKind kind, std::string_view name = "output_norm") {
    spec.output_norm = norm(name, kind);
  }
  /// The layers that rank texts, `cls` and `cls.output`, where the file has them.
  void ranking(const RankingOptions& options);
  /// dense_2 and dense_3, or dense.0 and dense.1, where the file has them.
  void embedding_head();
  AttentionSpec attention(const AttentionOptions& options);
  DenseSpec dense(const DenseOptions& options);
  ExpertsSpec experts(const ExpertOptions& options);

  /// Calls body(layer, n) for each layer, with tensor names inside "blk.n.".
  template <typename Body>
  void for_each_layer(Body&& body) {
    for (std::size_t n = 0; n < spec.n_layers && !error_; ++n) {
      enter_layer(n);
      body(spec.layers[n], n);
    }
    leave_layers();
  }

  /// The same for layers in "<group>.blk.n.", which may be more than `block_count`.
  template <typename Body>
  void for_each_layer(std::string_view group, std::vector<LayerSpec>& layers, Body&& body) {
    for (std::size_t n = 0; n < layers.size() && !error_; ++n) {
      enter_layer(n, group);
      body(layers[n], n);
    }
    leave_layers();
  }

  /// corrupt: "key 'A.name' is <value>, expected <expected>".
  template <typename Value>
  void wrong(std::string_view name, const Value& value, std::string_view expected) {
    fail(ErrorCode::corrupt, key(name),
         formats::cat("key '", key(name), "' is ", value, ", expected ", expected));
  }
  void fail(ErrorCode code, std::string field, std::string message);
  bool failed() const { return error_.has_value(); }

 private:
  void read_sizes();
  void read_pooling();
  void enter_layer(std::size_t n, std::string_view group = "");
  void leave_layers();
  /// The key in full; it has been asked for.
  std::string key(std::string_view name);
  template <typename T>
  T take(Result<T> result, T otherwise) {
    if (result) return *std::move(result);
    if (!error_) error_ = std::move(result).error();
    return otherwise;
  }
  const formats::Tensor* find(std::string_view full_name, Presence presence);
  /// For optional tensors that come all or not at all: where the file has one of them, each is required.
  Presence together(Presence presence, std::initializer_list<std::string> names) const;
  bool check_dims(const formats::Tensor& tensor, std::uint64_t d0, std::uint64_t d1, std::uint64_t d2);
  /// A tensor of weights of these dimensions; null after a failure, and where there is none.
  const formats::Tensor* weights(const std::string& name, std::uint64_t n_cols, std::uint64_t n_rows,
                                 std::uint64_t n_matrices, Presence presence);
  /// A matrix whose rows are looked up rather than multiplied with: it has neither bias nor scale.
  Matrix table(const std::string& name, std::uint64_t n_cols, std::uint64_t n_rows, Presence presence);
  /// "<base>.scale", which multiplies the products of n_stacked matrices: one number, or one for each.
  Vector product_scale(const std::string& base, std::uint64_t n_stacked);
  /// "<name>_exps", or in older files "<name>.<e>", a tensor for each expert.
  Matrix expert_matrix(std::string_view name, std::uint64_t n_cols, std::uint64_t n_rows,
                       std::uint64_t n_experts, Presence bias);
  DenseSpec dense(const DenseOptions& options, std::uint64_t hidden_dim, std::string_view suffix);
  void check_unused();
  void check_unasked();
  /// Whether the file holds a part that reads images beside the one that reads and writes text.
  bool reads_images() const;
  /// Whether a hyper-parameter says only what is so without it.
  bool confirms(std::string_view name, const formats::MetadataEntry& entry) const;

  const formats::ModelFile& file_;
  const Family& family_;
  std::optional<Error> error_{};
  std::vector<bool> used_;   ///< tensors
  std::vector<bool> asked_;  ///< entries of the metadata
  std::string prefix_{};     ///< "blk.N." inside for_each_layer
  std::size_t layer_ = 0;
  std::vector<std::uint32_t> n_heads_{}, n_kv_heads_{}, hidden_dim_{};
  std::uint32_t k_dim_ = 0, v_dim_ = 0;
  float default_rms_eps_ = 0;   ///< 0: the key is required
  std::uint64_t n_blocks_ = 0;  ///< `block_count`: the layers and the blocks that only predict further tokens
};

/// Slopes of ALiBi (arXiv 2108.12409) for each head.
std::vector<float> alibi_slopes(std::uint32_t n_heads, float max_bias);

/// Every family that Quern can run.
std::span<const Family* const> families();

}  // namespace quern::detail
