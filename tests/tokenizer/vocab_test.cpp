// Real vocabularies against the ids that their models were trained with: every line of every file of
// shared/vocab. The files belong to the makers of the models and are read in place; without them the tests
// are skipped.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "formats/model_file.h"
#include "src/tokenizer/stream_decoder.h"
#include "src/tokenizer/tokenizer_impl.h"
#include "tests/support/files.h"

namespace quern::detail {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path vocabularies = fs::path(QUERN_SHARED_DIR) / "vocab";

// Cut at LF only; without the empty rest after the last one.
std::vector<std::string> read_lines(const fs::path& path) {
  std::vector<std::string> lines;
  std::istringstream in(test::read_file(path));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string escaped(std::string_view text) {
  std::ostringstream out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F)
      out << c;
    else
      out << "\\x"
          << "0123456789abcdef"[byte >> 4] << "0123456789abcdef"[byte & 15];
  }
  return out.str();
}

std::vector<std::string> edge_texts() {
  std::vector<std::string> texts;
  for (const std::string& line : read_lines(vocabularies / "edge.inp.jsonl"))
    texts.push_back(from_hex(json::parse(line).at("hex").get<std::string>()));
  return texts;
}

class VocabFiles : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!fs::exists(vocabularies)) GTEST_SKIP() << vocabularies << " is not there";
    const auto file = formats::ModelFile::open(path(".gguf"));
    ASSERT_TRUE(file) << file.error().message;
    auto loaded = TokenizerImpl::load(file->metadata());
    ASSERT_TRUE(loaded) << loaded.error().message;
    tokenizer_ = std::move(*loaded);
  }

  fs::path path(const std::string& ending) const { return vocabularies / (GetParam() + ending); }

  // Names file, line, text and the first id that differs.
  void expect_ids(const std::string& file, std::size_t line, const std::string& text,
                  const std::vector<Token>& expected, bool add_special, bool parse_special) {
    const auto ids = tokenizer_->encode(text, add_special, parse_special);
    ASSERT_TRUE(ids) << ids.error().message;
    if (*ids == expected) return;
    std::size_t i = 0;
    while (i < ids->size() && i < expected.size() && (*ids)[i] == expected[i]) ++i;
    ADD_FAILURE() << GetParam() << file << " line " << line + 1 << " '" << escaped(text) << "', add_special "
                  << add_special << ", parse_special " << parse_special << ": id " << i << " is "
                  << (i < ids->size() ? (*ids)[i] : -1) << ", expected "
                  << (i < expected.size() ? expected[i] : -1);
  }

  void expect_file(const std::string& file, const std::vector<std::string>& texts) {
    const auto lines = read_lines(path(file));
    ASSERT_EQ(lines.size(), texts.size()) << path(file);
    for (std::size_t i = 0; i < lines.size(); ++i)
      expect_ids(file, i, texts[i], json::parse(lines[i]).get<std::vector<Token>>(), false, false);
  }

  // The pieces of the ids, streamed: never part of a character, and together what decoding without clean-up
  // gives.
  void expect_stream(const std::vector<Token>& ids) {
    std::string joined;
    for (const Token id : ids) joined += tokenizer_->piece(id, true);
    StreamDecoder::Options as_it_is, replacing;
    as_it_is.special = replacing.special = true;
    as_it_is.invalid = Utf8Stream::Invalid::keep;
    const std::string streamed = expect_whole_parts(ids, as_it_is, false);
    EXPECT_EQ(escaped(streamed), escaped(joined));
    Utf8Stream whole(Utf8Stream::Invalid::replace);
    std::string at_once = whole.push(joined);
    at_once += whole.finish();
    EXPECT_EQ(escaped(expect_whole_parts(ids, replacing, true)), escaped(at_once));

    auto decoded = tokenizer_->decode(ids, false, true);
    ASSERT_TRUE(decoded) << decoded.error().message;
    if (tokenizer_->vocabulary().rules().clean_up) return;
    if (tokenizer_->vocabulary().rules().space_prefix && !ids.empty() &&
        tokenizer_->piece(ids.front(), true).starts_with(' '))
      *decoded = ' ' + *decoded;
    EXPECT_EQ(escaped(streamed), escaped(*decoded));
  }

  // The streamed parts, joined. Where bad bytes are replaced, each part is valid by itself.
  std::string expect_whole_parts(const std::vector<Token>& ids, const StreamDecoder::Options& options,
                                 bool valid) {
    StreamDecoder stream(tokenizer_, options);
    std::string streamed;
    const auto take = [&](const std::string& part) {
      streamed += part;
      if (!valid) return;
      Utf8Stream alone(Utf8Stream::Invalid::replace);
      const std::string again = alone.push(part);
      EXPECT_EQ(escaped(again + alone.finish()), escaped(part));
    };
    for (const Token id : ids) {
      const auto part = stream.push(id);
      EXPECT_TRUE(part);
      if (part) take(*part);
    }
    take(stream.finish());
    return streamed;
  }

  std::shared_ptr<const TokenizerImpl> tokenizer_;
};

TEST_P(VocabFiles, Corpus) { expect_file(".corpus.jsonl", read_lines(vocabularies / "corpus.txt")); }

TEST_P(VocabFiles, Edge) { expect_file(".edge.jsonl", edge_texts()); }

TEST_P(VocabFiles, Inp) {
  const std::string input = test::read_file(path(".gguf.inp"));
  constexpr std::string_view mark = "\n__ggml_vocab_test__\n";
  const auto lines = read_lines(path(".gguf.out"));
  std::size_t begin = 0, n = 0;
  for (std::size_t end; (end = input.find(mark, begin)) != input.npos; begin = end + mark.size(), ++n) {
    ASSERT_LT(n, lines.size());
    std::istringstream line(lines[n]);
    std::vector<Token> expected;
    for (Token id; line >> id;) expected.push_back(id);
    expect_ids(".gguf.out", n, input.substr(begin, end - begin), expected, false, false);
  }
  EXPECT_EQ(n, lines.size());
}

TEST_P(VocabFiles, Special) {
  const auto texts = read_lines(vocabularies / "special.inp.jsonl");
  const auto lines = read_lines(path(".special.jsonl"));
  ASSERT_EQ(lines.size(), texts.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto text = json::parse(texts[i]).get<std::string>();
    const json expected = json::parse(lines[i]);
    const auto both = expected.at("add_parse").get<std::vector<Token>>();
    expect_ids(".special.jsonl parse", i, text, expected.at("parse").get<std::vector<Token>>(), false, true);
    expect_ids(".special.jsonl add", i, text, expected.at("add").get<std::vector<Token>>(), true, false);
    expect_ids(".special.jsonl add_parse", i, text, both, true, true);
    for (const bool unparse : {true, false}) {
      const auto decoded = tokenizer_->decode(both, false, unparse);
      ASSERT_TRUE(decoded) << decoded.error().message;
      const auto hex = expected.at(unparse ? "text_unparse" : "text_plain").get<std::string>();
      EXPECT_EQ(escaped(*decoded), escaped(from_hex(hex)))
          << GetParam() << " line " << i + 1 << ' ' << unparse;
    }
    expect_stream(both);
  }
}

TEST_P(VocabFiles, Streaming) {
  for (const auto& texts : {read_lines(vocabularies / "corpus.txt"), edge_texts()})
    for (const std::string& text : texts) expect_stream(tokenizer_->encode(text, false, false).value());
}

INSTANTIATE_TEST_SUITE_P(All, VocabFiles,
                         testing::Values("llama-spm", "phi-3", "gpt-2", "falcon", "refact", "deepseek-llm",
                                         "bert-bge"),
                         [](const auto& name) {
                           std::string id = name.param;
                           std::replace(id.begin(), id.end(), '-', '_');
                           return id;
                         });

}  // namespace
}  // namespace quern::detail
