#include "bench/quern_bench/synthetic.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <map>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "formats/gguf_writer.h"
#include "formats/try.h"

namespace quern::bench {
namespace {

using formats::cat;
using formats::TensorType;
using formats::TensorTypeInfo;

struct Shape {
  const char* name;
  std::uint32_t dim, n_layers, n_heads, n_kv_heads, hidden, n_vocab, n_experts, n_used;
};
constexpr Shape shapes[] = {
    {"tiny", 256, 2, 4, 2, 512, 512, 0, 0},       {"135m", 576, 30, 9, 3, 1536, 49152, 0, 0},
    {"1b", 2048, 16, 32, 8, 8192, 32768, 0, 0},   {"3b", 3072, 28, 24, 8, 8192, 65536, 0, 0},
    {"8b", 4096, 32, 32, 8, 14336, 128256, 0, 0}, {"moe", 2048, 12, 32, 8, 1024, 32768, 32, 4},
};

Error wrong(std::string message) { return {ErrorCode::invalid_argument, std::move(message), "synthetic"}; }

// What the weights of a model are made of.
struct Types {
  TensorType most{};
  bool k_m = false;  ///< some of the tensors get more bits, as files of that name have it

  TensorType of(const std::string& tensor, std::uint32_t layer, std::uint32_t n_layers) const {
    if (tensor.find("norm") != std::string::npos || tensor.find("gate_inp") != std::string::npos)
      return TensorType::f32;
    if (!k_m) return most;
    const bool more = layer < n_layers / 8 || layer >= 7 * n_layers / 8 || (layer - n_layers / 8) % 3 == 2;
    const bool sensitive =
        tensor.find("attn_v") != std::string::npos || tensor.find("ffn_down") != std::string::npos;
    return tensor == "output.weight" || (more && sensitive) ? TensorType::q6_k : most;
  }
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; });
  return out;
}

Result<Types> find_types(const std::string& name) {
  if (lower(name) == "q4_k_m") return Types{TensorType::q4_k, true};
  std::string known;
  for (const TensorTypeInfo& info : formats::tensor_types()) {
    if (!info.is_weight) continue;
    if (lower(info.name) == lower(name)) return Types{info.type, false};
    known += cat(", ", info.name);
  }
  return wrong(cat("no weights of type '", name, "'; there are Q4_K_M", known));
}

struct Description {
  Shape shape;
  Types types;
};

Result<Description> find_model(const std::string& what) {
  const std::size_t colon = what.find(':');
  const std::string shape_name = what.substr(0, colon);
  const auto* shape = std::ranges::find(shapes, shape_name, &Shape::name);
  if (colon == std::string::npos || shape == std::end(shapes))
    return wrong(cat("'", what, "' is not SHAPE:TYPE with a shape of ", shape_names()));
  QUERN_TRY(const Types types, find_types(what.substr(colon + 1)));
  const std::size_t block = formats::tensor_type_info(types.most).block_elements;
  if (shape->dim % block != 0 || shape->hidden % block != 0)
    return wrong(cat("shape ", shape_name, " has rows of ", shape->dim, " and ", shape->hidden,
                     " values, which blocks of ", block, " do not divide"));
  return Description{*shape, types};
}

struct Tensor {
  std::string name;
  std::vector<std::uint64_t> dims;
  TensorType type;
};

std::vector<Tensor> tensors_of(const Shape& s, const Types& types) {
  std::vector<Tensor> tensors;
  const auto add = [&](const std::string& name, std::vector<std::uint64_t> dims, std::uint32_t layer = 0) {
    tensors.push_back({name, std::move(dims), types.of(name, layer, s.n_layers)});
  };
  const std::uint64_t dim = s.dim, hidden = s.hidden, kv_width = dim / s.n_heads * s.n_kv_heads;
  add("token_embd.weight", {dim, s.n_vocab});
  for (std::uint32_t i = 0; i < s.n_layers; ++i) {
    const std::string block = cat("blk.", i, ".");
    add(block + "attn_norm.weight", {dim}, i);
    add(block + "attn_q.weight", {dim, dim}, i);
    add(block + "attn_k.weight", {dim, kv_width}, i);
    add(block + "attn_v.weight", {dim, kv_width}, i);
    add(block + "attn_output.weight", {dim, dim}, i);
    add(block + "ffn_norm.weight", {dim}, i);
    std::vector<std::uint64_t> in{dim, hidden}, out{hidden, dim};
    const std::string kind = s.n_experts == 0 ? ".weight" : "_exps.weight";
    if (s.n_experts != 0) {
      add(block + "ffn_gate_inp.weight", {dim, s.n_experts}, i);
      in.push_back(s.n_experts);
      out.push_back(s.n_experts);
    }
    add(block + "ffn_gate" + kind, in, i);
    add(block + "ffn_up" + kind, in, i);
    add(block + "ffn_down" + kind, out, i);
  }
  add("output_norm.weight", {dim});
  add("output.weight", {dim, s.n_vocab});
  return tensors;
}

// A vocabulary with a token for every byte, so that any text can be read.
void add_vocabulary(formats::GgufContents& contents, std::uint32_t n_vocab) {
  constexpr char hex[] = "0123456789ABCDEF";
  std::vector<std::string> tokens{"<unk>", "<s>", "</s>"};
  std::vector<std::int32_t> kinds{2, 3, 3};  // unknown, control, control
  for (int byte = 0; byte < 256; ++byte) {
    tokens.push_back(std::string("<0x") + hex[byte / 16] + hex[byte % 16] + ">");
    kinds.push_back(6);
  }
  while (tokens.size() < n_vocab) {
    tokens.push_back(cat("\u2581w", tokens.size()));
    kinds.push_back(1);
  }
  std::vector<float> scores(n_vocab);
  for (std::uint32_t i = 0; i < n_vocab; ++i) scores[i] = -static_cast<float>(i);
  contents.set("tokenizer.ggml.model", "llama");
  contents.set("tokenizer.ggml.tokens", tokens);
  contents.set("tokenizer.ggml.scores", scores);
  contents.set("tokenizer.ggml.token_type", kinds);
  contents.set("tokenizer.ggml.bos_token_id", std::uint32_t{1});
  contents.set("tokenizer.ggml.eos_token_id", std::uint32_t{2});
}

formats::GgufContents contents_of(const Shape& s, const std::string& name,
                                  const std::vector<Tensor>& tensors) {
  formats::GgufContents contents;
  contents.set("general.architecture", "llama");
  contents.set("general.name", "synthetic " + name);
  contents.set("llama.block_count", s.n_layers);
  contents.set("llama.context_length", std::uint32_t{8192});
  contents.set("llama.embedding_length", s.dim);
  contents.set("llama.feed_forward_length", s.hidden);
  contents.set("llama.attention.head_count", s.n_heads);
  contents.set("llama.attention.head_count_kv", s.n_kv_heads);
  contents.set("llama.rope.dimension_count", s.dim / s.n_heads);
  contents.set("llama.rope.freq_base", 500000.0f);
  contents.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  contents.set("llama.vocab_size", s.n_vocab);
  if (s.n_experts != 0) {
    contents.set("llama.expert_count", s.n_experts);
    contents.set("llama.expert_used_count", s.n_used);
  }
  add_vocabulary(contents, s.n_vocab);
  for (const Tensor& tensor : tensors) contents.add_tensor(tensor.name, tensor.type, tensor.dims);
  return contents;
}

// Some blocks of weights with the spread that weights have; tensors repeat them.
Result<std::vector<std::byte>> some_blocks(TensorType type) {
  constexpr std::size_t n_cols = 4096, n_rows = 8;
  const TensorTypeInfo& info = formats::tensor_type_info(type);
  std::mt19937 random(5);
  std::vector<float> values(n_rows * n_cols);
  for (float& value : values) {
    // The sum of four uniform numbers is near enough to a bell of standard deviation 0.02.
    float sum = -2;
    for (int i = 0; i < 4; ++i) sum += static_cast<float>(random() >> 8) * 0x1p-24f;
    value = 0.035f * sum;
  }
  std::vector<std::byte> blocks(values.size() / info.block_elements * info.block_bytes);
  QUERN_CHECK(formats::encode_rows(type, values, n_cols, "synthetic", blocks));
  return blocks;
}

Result<void> write_all(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return Error{ErrorCode::io, cat("no room for the model in memory: ", std::strerror(errno)),
                   "synthetic"};
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> write_model(int descriptor, const formats::GgufContents& contents,
                         const std::vector<Tensor>& tensors) {
  QUERN_TRY(const auto encoded, contents.encode());
  QUERN_CHECK(write_all(descriptor, encoded.header));
  std::map<TensorType, std::vector<std::byte>> pool;
  const float one = 1;
  const auto ones = std::as_bytes(std::span(&one, 1));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    std::vector<std::byte>& blocks = pool[tensors[i].type];
    if (blocks.empty()) {
      QUERN_TRY(blocks, some_blocks(tensors[i].type));
    }
    std::uint64_t left = encoded.tensor_bytes[i];
    if (tensors[i].dims.size() == 1) {  // the weights of a norm
      for (; left != 0; left -= ones.size()) QUERN_CHECK(write_all(descriptor, ones));
    }
    while (left != 0) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left, blocks.size()));
      QUERN_CHECK(write_all(descriptor, std::span(blocks).first(n)));
      left -= n;
    }
    const std::uint64_t n_bytes = encoded.tensor_bytes[i];
    const std::vector<std::byte> padding(formats::gguf::pad(n_bytes, encoded.alignment) - n_bytes);
    QUERN_CHECK(write_all(descriptor, padding));
  }
  return {};
}

}  // namespace

std::string shape_names() {
  std::string names;
  for (const Shape& shape : shapes) names += (names.empty() ? "" : ", ") + std::string(shape.name);
  return names;
}

std::string check_synthetic(const std::string& what) {
  const auto model = find_model(what);
  return model ? "" : model.error().message;
}

Result<SyntheticModel> SyntheticModel::create(const std::string& what) {
  QUERN_TRY(const Description description, find_model(what));
  const int descriptor = ::memfd_create("synthetic.gguf", MFD_CLOEXEC);
  if (descriptor < 0)
    return Error{ErrorCode::io, cat("cannot create a file in memory: ", std::strerror(errno)), "synthetic"};
  SyntheticModel model(descriptor);
  const std::vector<Tensor> tensors = tensors_of(description.shape, description.types);
  QUERN_CHECK(write_model(descriptor, contents_of(description.shape, what, tensors), tensors));
  return model;
}

SyntheticModel::SyntheticModel(SyntheticModel&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}
SyntheticModel::~SyntheticModel() {
  if (descriptor_ >= 0) ::close(descriptor_);
}
std::string SyntheticModel::path() const { return cat("/proc/", ::getpid(), "/fd/", descriptor_); }

}  // namespace quern::bench
