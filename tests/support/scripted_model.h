#pragma once
// A model that says what a test wants: the last token alone decides which one comes next. Its one layer adds
// nothing, its embeddings are the unit vectors, and row j of its output has a one for each token that j
// follows.
#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "formats/gguf_writer.h"

namespace quern::test {

/// Writes the model. `script`: after a token of this text comes the one of that text; a text that nothing
/// follows ends the answer.
inline void write_scripted_model(const std::filesystem::path& path,
                                 const std::map<std::string, std::string>& script,
                                 const std::string& chat_template) {
  enum TokenType : std::int32_t { normal = 1, unknown = 2, control = 3, byte = 6 };
  std::vector<std::string> texts = {"<unk>", "<s>", "</s>"};
  std::vector<std::int32_t> types = {unknown, control, control};
  constexpr std::size_t end = 2;
  for (int value = 0; value < 256; ++value) {
    std::array<char, 8> name{};
    std::snprintf(name.data(), name.size(), "<0x%02X>", value);
    texts.emplace_back(name.data());
    types.push_back(byte);
  }
  std::map<std::string, std::size_t> ids;
  const auto id_of = [&](const std::string& text) {
    const auto [found, added] = ids.try_emplace(text, texts.size());
    if (added) {
      texts.push_back(text);
      types.push_back(control);
    }
    return found->second;
  };
  std::map<std::size_t, std::size_t> next;
  for (const auto& [text, following] : script) {
    const std::size_t from = id_of(text), to = id_of(following);
    next[from] = to;
    next.try_emplace(to, end);
  }
  const std::size_t dim = (texts.size() + 31) / 32 * 32, n_vocab = texts.size(), n_ff = 32;

  formats::GgufContents contents;
  contents.set("general.architecture", "llama");
  for (const auto& [key, value] : {std::pair{"context_length", std::size_t{2048}},
                                   {"embedding_length", dim},
                                   {"block_count", 1},
                                   {"feed_forward_length", n_ff},
                                   {"attention.head_count", 1},
                                   {"rope.dimension_count", 32}})
    contents.set(std::string("llama.") + key, static_cast<std::uint32_t>(value));
  contents.set("llama.attention.key_length", std::uint32_t{32});
  contents.set("llama.attention.value_length", std::uint32_t{32});
  contents.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  contents.set("tokenizer.ggml.model", "llama");
  contents.set("tokenizer.ggml.tokens", texts);
  contents.set("tokenizer.ggml.scores", std::vector<float>(n_vocab, 0.0f));
  contents.set("tokenizer.ggml.token_type", types);
  contents.set("tokenizer.ggml.bos_token_id", std::uint32_t{1});
  contents.set("tokenizer.ggml.eos_token_id", std::uint32_t{end});
  contents.set("tokenizer.chat_template", chat_template);

  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> dims;
    std::vector<float> values;
  };
  std::vector<float> unit_vectors(n_vocab * dim), output(n_vocab * dim);
  for (std::size_t i = 0; i < n_vocab; ++i) unit_vectors[i * dim + i] = 1;
  for (const auto& [from, to] : next) output[to * dim + from] = 1;
  std::vector<Tensor> tensors = {{"token_embd.weight", {dim, n_vocab}, unit_vectors},
                                 {"output_norm.weight", {dim}, std::vector<float>(dim, 1.0f)},
                                 {"output.weight", {dim, n_vocab}, output}};
  for (const auto& [name, rows, cols] : {std::tuple{"attn_norm", dim, std::size_t{1}},
                                         {"attn_q", dim, 32},
                                         {"attn_k", dim, 32},
                                         {"attn_v", dim, 32},
                                         {"attn_output", 32, dim},
                                         {"ffn_norm", dim, 1},
                                         {"ffn_gate", dim, n_ff},
                                         {"ffn_up", dim, n_ff},
                                         {"ffn_down", n_ff, dim}}) {
    std::vector<std::uint64_t> dims = {rows};
    if (cols > 1) dims.push_back(cols);
    tensors.push_back({std::string("blk.0.") + name + ".weight", dims, std::vector<float>(rows * cols)});
  }
  for (const Tensor& tensor : tensors)
    contents.add_tensor(tensor.name, formats::TensorType::f32, tensor.dims);
  auto writer = formats::GgufWriter::create(path, contents).value();
  for (const Tensor& tensor : tensors) writer.write(std::as_bytes(std::span(tensor.values))).value();
  writer.finish().value();
}

}  // namespace quern::test
