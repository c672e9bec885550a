#pragma once
// Small vocabularies made up for a test, as the metadata of a model file.
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "formats/model_file.h"
#include "src/tokenizer/tokenizer_impl.h"
#include "tests/support/gguf_bytes.h"

namespace quern::test {

// Numbers of token types in files.
enum Type : std::int32_t { normal_type = 1, unknown_type, control_type, user_type, unused_type, byte_type };

template <typename T>
void add_numbers(GgufBytes& file, std::string_view key, const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  file.array_kv(key, static_cast<std::uint32_t>(formats::gguf::value_type<T>()), values.size(), bytes);
}

struct MadeUp {
  std::string model = "gpt2";
  std::string pre = "gpt-2";
  std::optional<std::vector<std::string>> tokens{};
  std::optional<std::vector<std::int32_t>> types{};
  std::optional<std::vector<float>> scores{};
  std::optional<std::vector<std::string>> merges{};
  std::string name = "made up";
  std::function<void(GgufBytes&)> more{};

  // The file.
  std::vector<std::byte> bytes() const {
    GgufBytes file = gguf();
    file.kv("general.architecture", "llama").kv("general.name", name).kv("tokenizer.ggml.model", model);
    if (!pre.empty()) file.kv("tokenizer.ggml.pre", pre);
    if (tokens) file.kv("tokenizer.ggml.tokens", *tokens);
    if (types) add_numbers(file, "tokenizer.ggml.token_type", *types);
    if (scores) add_numbers(file, "tokenizer.ggml.scores", *scores);
    if (merges) file.kv("tokenizer.ggml.merges", *merges);
    if (more) more(file);
    return file.bytes();
  }

  Result<std::shared_ptr<const detail::TokenizerImpl>> load() const {
    const std::vector<std::byte> file = bytes();
    const auto opened = formats::ModelFile::from_bytes(file);
    if (!opened) return opened.error();
    return detail::TokenizerImpl::load(opened->metadata());
  }

  // Appends a token and returns its id.
  std::int32_t add(const std::string& text, std::int32_t type = normal_type, float score = 0) {
    if (!tokens) tokens.emplace(), types.emplace(), scores.emplace();
    tokens->push_back(text);
    types->push_back(type);
    scores->push_back(score);
    return static_cast<std::int32_t>(tokens->size()) - 1;
  }
};

// SentencePiece with the three usual control tokens, 256 bytes, and what the caller adds.
inline MadeUp made_up_spm() {
  MadeUp vocab;
  vocab.model = "llama";
  vocab.add("<unk>", unknown_type);
  vocab.add("<s>", control_type);
  vocab.add("</s>", control_type);
  for (int byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte));
    vocab.add(text, byte_type);
  }
  return vocab;
}

// Byte-level BPE: the 95 printable characters of ASCII but the space, the characters of space and newline.
inline MadeUp made_up_bpe() {
  MadeUp vocab;
  for (char c = '!'; c <= '~'; ++c) vocab.add(std::string(1, c));
  vocab.add("\u0120");
  vocab.add("\u010A");
  vocab.merges.emplace();
  return vocab;
}

// At most max_bytes letters of the alphabet.
inline std::string random_text(std::mt19937& random, std::string_view alphabet, std::size_t max_bytes) {
  std::string text;
  for (std::size_t n = random() % (max_bytes + 1); n > 0; --n) text += alphabet[random() % alphabet.size()];
  return text;
}

}  // namespace quern::test
