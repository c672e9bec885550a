// t5 in shapes that no golden file has, against a plain double-precision computation written from the paper
// (arXiv 1910.10683) and the description of the format: equal and unequal depth, relu and gated gelu, biases
// of a layer's own, other numbers of buckets, tied output.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "formats/gguf_writer.h"
#include "tests/engine/golden.h"
#include "tests/support/scratch_folder.h"

namespace quern::test {
namespace {

struct Shape {
  const char* name;
  std::size_t n_encoder, n_decoder, dim, n_heads, head_dim, hidden, n_buckets;
  bool gated, own_bias, tied;
};

constexpr Shape shapes[] = {
    {"relu_equal_depth_tied", 2, 2, 32, 4, 8, 48, 32, false, false, true},
    {"gated_deep_decoder", 1, 3, 48, 3, 24, 32, 16, true, true, false},
    {"one_head_odd_buckets", 3, 1, 16, 1, 32, 64, 21, true, false, true},
};

constexpr std::size_t n_vocab = 40;
constexpr double eps = 1e-3;

using Values = std::vector<double>;
using Rows = std::vector<Values>;

/// The model in double, and the file of it.
class PlainT5 {
 public:
  explicit PlainT5(const Shape& shape) : s(shape) {
    const std::size_t wide = s.n_heads * s.head_dim;
    add("token_embd", s.dim, n_vocab, 1);
    for (const bool decoder : {false, true}) {
      const std::string group = decoder ? "dec" : "enc";
      const std::size_t n_layers = decoder ? s.n_decoder : s.n_encoder;
      for (std::size_t n = 0; n < n_layers; ++n) {
        const std::string block = group + ".blk." + std::to_string(n) + ".";
        if (n == 0 || (s.own_bias && n == 1)) add(block + "attn_rel_b", s.n_heads, s.n_buckets, 1);
        std::vector<std::string> attentions{"attn"};
        if (decoder) attentions.push_back("cross_attn");
        for (const std::string& name : attentions) {
          add(block + name + "_norm", s.dim, 1, 1);
          for (const char* part : {"_q", "_k", "_v"}) add(block + name + part, s.dim, wide, 0.3);
          add(block + name + "_o", wide, s.dim, 0.3);
        }
        add(block + "ffn_norm", s.dim, 1, 1);
        if (s.gated) add(block + "ffn_gate", s.dim, s.hidden, 0.3);
        add(block + "ffn_up", s.dim, s.hidden, 0.3);
        add(block + "ffn_down", s.hidden, s.dim, 0.3);
      }
      add(group + ".output_norm", s.dim, 1, 1);
    }
    if (!s.tied) add("output", s.dim, n_vocab, 1);
  }

  void write(const std::filesystem::path& path) const {
    formats::GgufContents contents;
    contents.set("general.architecture", "t5");
    const std::pair<const char*, std::size_t> sizes[] = {{"context_length", 64},
                                                         {"embedding_length", s.dim},
                                                         {"block_count", s.n_encoder},
                                                         {"feed_forward_length", s.hidden},
                                                         {"attention.head_count", s.n_heads},
                                                         {"attention.key_length", s.head_dim},
                                                         {"attention.value_length", s.head_dim},
                                                         {"attention.relative_buckets_count", s.n_buckets},
                                                         {"decoder_start_token_id", 3}};
    for (const auto& [key, value] : sizes)
      contents.set(std::string("t5.") + key, static_cast<std::uint32_t>(value));
    if (s.n_decoder != s.n_encoder)
      contents.set("t5.decoder_block_count", static_cast<std::uint32_t>(s.n_decoder));
    contents.set("t5.attention.layer_norm_rms_epsilon", static_cast<float>(eps));
    for (const auto& [name, tensor] : tensors_) {
      if (tensor.n_rows == 1)
        contents.add_tensor(name, formats::TensorType::f32, {tensor.n_cols});
      else
        contents.add_tensor(name, formats::TensorType::f32, {tensor.n_cols, tensor.n_rows});
    }
    auto writer = formats::GgufWriter::create(path, contents).value();
    for (const auto& [name, tensor] : tensors_) {
      const std::vector<float> values(tensor.values.begin(), tensor.values.end());
      writer.write(std::as_bytes(std::span(values))).value();
    }
    writer.finish().value();
  }

  /// The logits after every token of the answer.
  Rows logits(std::span<const Token> source, std::span<const Token> answer) const {
    const Rows encoded = normed(run("enc", s.n_encoder, embedded(source), nullptr), "enc.output_norm");
    const Rows decoded = normed(run("dec", s.n_decoder, embedded(answer), &encoded), "dec.output_norm");
    return multiplied(decoded, s.tied ? "token_embd" : "output");
  }

 private:
  struct Tensor {
    std::size_t n_cols, n_rows;
    Values values;
  };

  void add(const std::string& name, std::size_t n_cols, std::size_t n_rows, double scale) {
    Tensor tensor{n_cols, n_rows, Values(n_cols * n_rows)};
    for (double& value : tensor.values) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      value = float(scale * (double(state_ >> 40) / double(1u << 23) - 1));
    }
    tensors_[name + ".weight"] = tensor;
  }
  const Tensor& tensor(const std::string& name) const { return tensors_.at(name + ".weight"); }

  Rows embedded(std::span<const Token> tokens) const {
    Rows rows;
    for (const Token token : tokens) {
      const double* row = tensor("token_embd").values.data() + std::size_t(token) * s.dim;
      rows.emplace_back(row, row + s.dim);
    }
    return rows;
  }
  Rows multiplied(const Rows& x, const std::string& name) const {
    const Tensor& w = tensor(name);
    Rows y(x.size(), Values(w.n_rows));
    for (std::size_t t = 0; t < x.size(); ++t)
      for (std::size_t r = 0; r < w.n_rows; ++r)
        for (std::size_t c = 0; c < w.n_cols; ++c) y[t][r] += w.values[r * w.n_cols + c] * x[t][c];
    return y;
  }
  Rows normed(const Rows& x, const std::string& name) const {
    Rows y = x;
    for (Values& row : y) {
      double squares = 0;
      for (const double value : row) squares += value * value;
      for (std::size_t i = 0; i < row.size(); ++i)
        row[i] *= tensor(name).values[i] / std::sqrt(squares / double(row.size()) + eps);
    }
    return y;
  }
  std::size_t bucket(std::ptrdiff_t distance, bool both_sides) const {
    std::size_t n = s.n_buckets, begin = 0;
    if (both_sides) {
      n /= 2;
      if (distance > 0) begin = n;
      distance = std::abs(distance);
    } else {
      distance = std::max<std::ptrdiff_t>(0, -distance);
    }
    const std::size_t near = n / 2, r = std::size_t(distance);
    if (r < near) return begin + r;
    const float share = std::log(float(r) / float(near)) / std::log(128.0f / float(near));
    return begin + std::min(n - 1, std::size_t(float(near) + share * float(n - near)));
  }
  // keys: null for self-attention.
  Rows attention(const Rows& x, const std::string& name, const Rows* keys, const std::string& bias,
                 bool causal) const {
    const Rows q = multiplied(x, name + "_q"), k = multiplied(keys ? *keys : x, name + "_k"),
               v = multiplied(keys ? *keys : x, name + "_v");
    Rows out(x.size(), Values(s.n_heads * s.head_dim));
    for (std::size_t t = 0; t < x.size(); ++t) {
      for (std::size_t h = 0; h < s.n_heads; ++h) {
        Values weights;
        double sum = 0;
        for (std::size_t p = 0; p < k.size() && (!causal || p <= t); ++p) {
          double score = 0;
          for (std::size_t d = h * s.head_dim; d < (h + 1) * s.head_dim; ++d) score += q[t][d] * k[p][d];
          if (!keys)
            score +=
                tensor(bias).values[bucket(std::ptrdiff_t(p) - std::ptrdiff_t(t), !causal) * s.n_heads + h];
          weights.push_back(std::exp(score));
          sum += weights.back();
        }
        for (std::size_t p = 0; p < weights.size(); ++p)
          for (std::size_t d = h * s.head_dim; d < (h + 1) * s.head_dim; ++d)
            out[t][d] += weights[p] / sum * v[p][d];
      }
    }
    return multiplied(out, name + "_o");
  }
  Rows ffn(const Rows& x, const std::string& block) const {
    Rows up = multiplied(x, block + "ffn_up");
    const Rows gate = s.gated ? multiplied(x, block + "ffn_gate") : up;
    for (std::size_t t = 0; t < up.size(); ++t) {
      for (std::size_t i = 0; i < s.hidden; ++i) {
        const double g = gate[t][i];
        if (!s.gated) up[t][i] = std::max(0.0, g);
        if (s.gated) up[t][i] *= 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g)));
      }
    }
    return multiplied(up, block + "ffn_down");
  }
  Rows run(const std::string& group, std::size_t n_layers, Rows x, const Rows* encoded) const {
    const auto add_to_x = [&](const Rows& more) {
      for (std::size_t t = 0; t < x.size(); ++t)
        for (std::size_t i = 0; i < s.dim; ++i) x[t][i] += more[t][i];
    };
    std::string bias;
    for (std::size_t n = 0; n < n_layers; ++n) {
      const std::string block = group + ".blk." + std::to_string(n) + ".", own = block + "attn_rel_b";
      bias = tensors_.contains(own + ".weight") ? own : group + ".blk.0.attn_rel_b";
      add_to_x(attention(normed(x, block + "attn_norm"), block + "attn", nullptr, bias, encoded != nullptr));
      if (encoded)
        add_to_x(attention(normed(x, block + "cross_attn_norm"), block + "cross_attn", encoded, "", false));
      add_to_x(ffn(normed(x, block + "ffn_norm"), block));
    }
    return x;
  }

  const Shape s;
  std::map<std::string, Tensor> tensors_;
  std::uint64_t state_ = 1;
};

TEST(T5Shapes, AgreeWithAPlainComputation) {
  const ScratchFolder folder;
  std::vector<Token> source, answer;
  // Longer than the 64 of training, which positions by distance allow; the farthest pairs share a bucket.
  for (std::size_t i = 0; i < 150; ++i) source.push_back(Token((i * i + 3 * i) % n_vocab));
  for (std::size_t i = 0; i < 140; ++i) answer.push_back(Token((i * 11 + i * i * 5) % n_vocab));
  for (const Shape& shape : shapes) {
    const PlainT5 plain(shape);
    const auto path = folder / (std::string(shape.name) + ".gguf");
    plain.write(path);
    const auto model = detail::LoadedModel::open(path);
    ASSERT_TRUE(model) << model.error().message;
    auto sequence =
        detail::Sequence::create(*model, {.n_ctx = 160, .kv_type = kernels::KvType::f32, .threads = 1})
            .value();
    sequence.read_source(source).value();
    const std::vector<float> logits = logits_of(sequence, answer);
    const Rows expected = plain.logits(source, answer);
    double largest = 0;
    for (std::size_t t = 0; t < answer.size(); ++t)
      for (std::size_t i = 0; i < n_vocab; ++i)
        largest = std::max(largest, std::fabs(double(logits[t * n_vocab + i]) - expected[t][i]));
    EXPECT_LE(largest, 2e-4) << shape.name;
    EXPECT_GT(largest, 0) << shape.name;
  }
}

}  // namespace
}  // namespace quern::test
