// Writes good inputs for the tokenizer's fuzz target: a made-up vocabulary of each kind, and a text.
//
//   make_tokenizer_corpus FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

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
}
