// Writes good inputs for the tokenizer's fuzz target: a made-up vocabulary of each kind, and a text.
//
//   make_tokenizer_corpus FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/tokenizer/charsmap_bytes.h"
#include "tests/tokenizer/made_up.h"

namespace {

using quern::test::MadeUp;

void write(const std::filesystem::path& path, const MadeUp& vocab, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out.put(static_cast<char>(text.size() & 0xFF)).put(static_cast<char>(text.size() >> 8));
  out << text;
  const std::vector<std::byte> bytes = vocab.bytes();
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

MadeUp byte_level(const std::string& pre) {
  MadeUp vocab = quern::test::made_up_bpe();
  vocab.pre = pre;
  vocab.add("he"), vocab.add("\u0120he"), vocab.add("llo");
  vocab.merges = {{"h e", "\u0120 he", "l l", "ll o", "1 2"}};
  vocab.add("<|im_end|>", quern::test::control_type);
  vocab.add("\\t\\t", quern::test::user_type);
  const unsigned bos = static_cast<unsigned>(vocab.add("<|begin|>", quern::test::control_type));
  vocab.more = [bos](quern::test::GgufBytes& file) { file.kv("tokenizer.ggml.bos_token_id", bos); };
  return vocab;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_tokenizer_corpus FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  const std::string text =
      "<|begin|>Hello, he'll  say 1234567 \xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80\xFF\n\n\t\t x<|im_end|> \n";

  MadeUp spm = quern::test::made_up_spm();
  for (const char* piece : {"▁", "h", "e", "l", "o", "he", "▁he", "ll", "llo", "▁▁"})
    spm.add(piece, quern::test::normal_type, -static_cast<float>(spm.tokens->size()));
  spm.add("<|im_end|>", quern::test::user_type);
  spm.name = "phi-3";
  write(folder / "sentencepiece", spm, text);

  for (const char* pre : {"default", "llama-bpe", "gpt-4o", "deepseek-llm", "jais-2", "superbpe"})
    write(folder / ("byte-level-" + std::string(pre)), byte_level(pre), text);

  MadeUp raw = byte_level("gemma4");
  for (const char* piece : {"▁", "▁he", "\n", "\n\n", "<0xF0>", "<0xFF>"}) raw.add(piece);
  raw.merges->push_back("▁ he");
  write(folder / "raw", raw, text);

  MadeUp pieces;
  pieces.model = "bert";
  pieces.add("[UNK]", quern::test::unknown_type);
  for (const char* piece : {"▁hello", "▁he", "▁,", "ll", "▁1", "23", "▁日"}) pieces.add(piece);
  pieces.add("[CLS]", quern::test::control_type);
  pieces.more = [](quern::test::GgufBytes& file) {
    file.kv("tokenizer.ggml.bos_token_id", 8u).kv("tokenizer.ggml.seperator_token_id", 8u);
    file.kv("tokenizer.ggml.unknown_token_id", 0u);
  };
  write(folder / "wordpiece", pieces, text);

  MadeUp unigram;
  unigram.model = "t5";
  unigram.add("<pad>", quern::test::control_type), unigram.add("</s>", quern::test::control_type);
  unigram.add("<unk>", quern::test::unknown_type);
  for (const char* piece : {"▁", "h", "e", "l", "o", "he", "▁he", "ll", "llo", ",", "say", "1", "23"})
    unigram.add(piece, quern::test::normal_type, -static_cast<float>(unigram.tokens->size()));
  unigram.add("<|im_end|>", quern::test::user_type);
  unigram.more = [](quern::test::GgufBytes& file) {
    const std::map<std::string, std::string> replacements{{"\n", " "}, {"H", "h"}, {"\xC3\xA9", "e"}};
    quern::test::add_numbers(file, "tokenizer.ggml.precompiled_charsmap",
                             quern::test::CharsmapBytes(replacements).bytes());
    file.kv("tokenizer.ggml.add_space_prefix", true);
  };
  write(folder / "unigram", unigram, text);

  MadeUp longest;
  longest.model = "rwkv";
  longest.add("<s>", quern::test::control_type);
  for (const char* piece : {"\\n", "\\n\\n", "he", "He", "ll", " ", "\\xff", "\\\\", "1234"})
    longest.add(piece);
  longest.more = [](quern::test::GgufBytes& file) { file.kv("tokenizer.ggml.unknown_token_id", 0u); };
  write(folder / "rwkv", longest, text);

  MadeUp cheapest = quern::test::made_up_spm();
  cheapest.model = "plamo2";
  for (const char* piece : {"he", "Hello", "ll", "日", " say", "\n\n"})
    cheapest.add(piece, quern::test::normal_type, -static_cast<float>(cheapest.tokens->size()) / 300);
  write(folder / "plamo2", cheapest, text);

  MadeUp words = byte_level("gpt-2");
  words.model = "whitespace";
  write(folder / "whitespace", words, text);

  MadeUp dna = byte_level("gpt-2");
  dna.model = "hybriddna";
  for (const char* piece : {"<dna>", "</dna>", "<oov>", "ACGTAC\uE000"}) dna.add(piece);
  write(folder / "hybriddna", dna, "x<dna>acgtacgg</dna> y<dna>TTTTTTT");
}
