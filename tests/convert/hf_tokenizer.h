#pragma once
// Turns the vocabulary of a GGUF model back into tokenizer.json and tokenizer_config.json.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "formats/metadata.h"

namespace quern::test {

using nlohmann::json;

inline json split(const std::string& regex) {
  return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
}
inline json byte_level(bool regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", regex}};
}
inline json sequence(const json& steps) { return {{"type", "Sequence"}, {"pretokenizers", steps}}; }

/// The pre-tokenizers of released tokenizer.json files.
inline json pre_tokenizer_of(const std::string& pre) {
  const std::string words = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+)";
  const std::string rest = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const json digits = {{"type", "Digits"}, {"individual_digits", true}};
  if (pre == "gpt-2" || pre == "olmo" || pre == "exaone4" || pre == "mpt") return byte_level(true);
  if (pre == "starcoder" || pre == "refact" || pre == "smollm" || pre == "command-r")
    return sequence({digits, byte_level(true)});
  if (pre == "falcon")
    return sequence({{{"type", "Punctuation"}, {"behavior", "Contiguous"}},
                     byte_level(true),
                     {{"type", "Digits"}, {"individual_digits", false}},
                     split("[0-9][0-9][0-9]")});
  if (pre == "qwen2" || pre == "stablelm2")
    return sequence({split(words + R"(|\p{N})" + rest), byte_level(false)});
  if (pre == "qwen35")
    return sequence({split(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N})"
                           R"(| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
                     byte_level(false)});
  const std::string upper = R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])", lower = R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])",
                    start = R"([^\r\n\p{L}\p{N}]?)", ending = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
  if (pre == "tekken")
    return sequence({split(start + upper + "*" + lower + "+|" + start + upper + "+" + lower +
                           R"(*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
                     byte_level(false)});
  if (pre == "gpt-4o")
    return sequence(
        {split(start + upper + "*" + lower + "+" + ending + "|" + start + upper + "+" + lower + "*" + ending +
               R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
         byte_level(false)});
  if (pre == "deepseek-v3")
    return sequence({split(R"(\p{N}{1,3})"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
                     split(R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^)"
                           "\r\n"
                           R"(\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[)"
                           "\r\n"
                           R"(]*|\s*[)"
                           "\r\n"
                           R"(]+|\s+(?!\S)|\s+)"),
                     byte_level(false)});
  return sequence(
      {split(words + R"(|\p{N}{1,3})" + rest), byte_level(false)});  // llama-bpe, dbrx, smaug-bpe, glm4
}

struct HfTokenizer {
  json tokenizer, config;
};

inline HfTokenizer hf_tokenizer(const formats::Metadata& metadata) {
  const auto key = [](const char* name) { return "tokenizer.ggml." + std::string(name); };
  const auto tokens = *metadata.strings(key("tokens"));
  const auto types = *metadata.integers(key("token_type"));
  const std::string model(*metadata.string(key("model"))), pre(*metadata.string_or(key("pre"), ""));
  enum { normal = 1, unknown = 2, control = 3, user = 4, byte = 6 };
  json vocab = json::object(), added = json::array();
  std::string unk;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    std::string text(tokens[id]);
    const bool is_added = types[id] != normal && types[id] != byte;
    if (types[id] == unknown) unk = text;
    if (is_added)
      added.push_back({{"id", id},
                       {"content", text},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", types[id] != user}});
    if (model == "bert" && !is_added) text = text.starts_with("\u2581") ? text.substr(3) : "##" + text;
    if (model != "gpt2" || !is_added) vocab[text] = id;
  }
  HfTokenizer out;
  out.tokenizer = {{"version", "1.0"},         {"truncation", nullptr}, {"padding", nullptr},
                   {"added_tokens", added},    {"normalizer", nullptr}, {"pre_tokenizer", nullptr},
                   {"post_processor", nullptr}};
  const auto text_of = [&](const char* name) -> json {
    const auto id = metadata.find(key(name)) ? *metadata.unsigned_integer(key(name)) : tokens.size();
    return id < tokens.size() ? json(tokens[id]) : json(nullptr);
  };
  out.config = {{"bos_token", text_of("bos_token_id")},
                {"eos_token", {{"content", text_of("eos_token_id")}}},
                {"pad_token", text_of("padding_token_id")},
                {"clean_up_tokenization_spaces", false}};
  if (model == "gpt2") {
    json merges = json::array();
    const auto listed = *metadata.strings(key("merges"));
    for (const auto merge : listed) merges.push_back(merge);
    out.tokenizer["pre_tokenizer"] = pre_tokenizer_of(pre);
    out.tokenizer["post_processor"] = byte_level(false);
    out.tokenizer["model"] = {
        {"type", "BPE"},
        {"vocab", vocab},
        {"merges", merges},
        {"unk_token", nullptr},
        {"ignore_merges", pre == "llama-bpe" || pre == "lfm2" || pre == "tekken" || pre == "falcon-h1"}};
  } else if (model == "llama") {
    // Every pair that spells a token, in the order of the scores.
    const auto scores = *metadata.numbers(key("scores"));
    std::vector<std::pair<float, json>> pairs;
    for (const auto& [text, id] : vocab.items())
      for (std::size_t cut = 1; cut < text.size() && types[id] == normal; ++cut) {
        const std::string left = text.substr(0, cut), right = text.substr(cut);
        if (vocab.contains(left) && vocab.contains(right) && types[vocab[left]] == normal &&
            types[vocab[right]] == normal)
          pairs.emplace_back(scores[id], json{left, right});
      }
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    json merges = json::array();
    for (const auto& [score, pair] : pairs) merges.push_back(pair);
    const json escape = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}};
    out.tokenizer["normalizer"] = escape;
    if (*metadata.boolean_or(key("add_space_prefix"), true))
      out.tokenizer["normalizer"] = {{"type", "Sequence"},
                                     {"normalizers", {{{"type", "Prepend"}, {"prepend", "\u2581"}}, escape}}};
    out.tokenizer["model"] = {{"type", "BPE"},    {"vocab", vocab},   {"merges", merges},
                              {"unk_token", unk}, {"fuse_unk", true}, {"byte_fallback", true}};
    const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
    out.tokenizer["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single", {{{"SpecialToken", {{"id", text_of("bos_token_id")}, {"type_id", 0}}}}, text}},
        {"pair", {text, text}}};
  } else if (model == "t5") {
    const auto scores = *metadata.numbers(key("scores"));
    json pieces = json::array();
    for (std::size_t id = 0; id < tokens.size(); ++id) pieces.push_back({tokens[id], scores[id]});
    out.tokenizer["pre_tokenizer"] = sequence(
        {{{"type", "WhitespaceSplit"}},
         {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}, {"split", true}}});
    const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
               end = {{"SpecialToken", {{"id", text_of("eos_token_id")}, {"type_id", 0}}}};
    out.tokenizer["post_processor"] = {
        {"type", "TemplateProcessing"}, {"single", {text, end}}, {"pair", {text, end, text, end}}};
    out.tokenizer["model"] = {{"type", "Unigram"},
                              {"unk_id", *metadata.unsigned_integer(key("unknown_token_id"))},
                              {"vocab", pieces},
                              {"byte_fallback", false}};
  } else {
    out.tokenizer["normalizer"] = {{"type", "BertNormalizer"},
                                   {"clean_text", true},
                                   {"handle_chinese_chars", true},
                                   {"strip_accents", nullptr},
                                   {"lowercase", true}};
    out.tokenizer["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
    out.tokenizer["model"] = {{"type", "WordPiece"},
                              {"unk_token", unk},
                              {"continuing_subword_prefix", "##"},
                              {"max_input_chars_per_word", 100},
                              {"vocab", vocab}};
    out.config["cls_token"] = text_of("cls_token_id");
    out.config["sep_token"] = text_of("seperator_token_id");
    out.config["mask_token"] = text_of("mask_token_id");
    out.config.erase("bos_token");
    out.config.erase("eos_token");
  }
  return out;
}

}  // namespace quern::test
