// Writes inputs for the tokenizer.json fuzz target: a small file of each kind of vocabulary, with its
// configuration.
//
//   make_tokenizer_json_corpus FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_tokenizer_json_corpus FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const std::string& tokenizer, const std::string& config) {
    std::ofstream(folder / name, std::ios::binary) << tokenizer << '\0' << config;
  };
  const std::string config =
      R"({"bos_token":"<s>","eos_token":{"content":"</s>"},"unk_token":"<unk>","add_bos_token":true,
"clean_up_tokenization_spaces":false,"chat_template":[{"name":"default","template":"{{ x }}"}]})";
  const std::string added = R"("added_tokens":[{"id":0,"content":"<unk>","special":true},
{"id":1,"content":"<s>","special":true,"rstrip":true},{"id":2,"content":"</s>","special":false}])";
  write("byte-level",
        "{" + added + R"(,"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[
{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}]},
"post_processor":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{"h":3,"e":4,"he":5,"\u0120":6,"\u0120he":7},
"merges":["h e",["\u0120","he"]],"ignore_merges":false}})",
        config);
  write("sentence-piece", "{" + added + R"(,"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend",
"prepend":"\u2581"},{"type":"Replace","pattern":{"String":" "},"content":"\u2581"}]},"pre_tokenizer":null,
"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
{"Sequence":{"id":"A","type_id":0}}]},"model":{"type":"BPE","byte_fallback":true,"unk_token":"<unk>",
"vocab":{"<unk>":0,"<s>":1,"</s>":2,"<0x0A>":3,"\u2581":4,"t":5,"h":6,"\u2581t":7,"th":8,"\u2581th":9},
"merges":["\u2581 t","t h","\u2581t h","\u2581 th"]}})",
        config);
  write("unigram", "{" + added + R"(,"normalizer":{"type":"Precompiled","precompiled_charsmap":""},
"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace",
"replacement":"\u2581","prepend_scheme":"always"}]},"post_processor":{"type":"TemplateProcessing","single":[
{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"</s>"}}]},"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],
["<s>",0],["</s>",0],["\u2581",-2.5],["\u2581the",-3],["q",-4.5]]}})",
        config);
  write("word-piece", R"({"added_tokens":[{"id":0,"content":"[PAD]","special":true},{"id":1,"content":"[UNK]",
"special":true},{"id":2,"content":"[CLS]","special":true},{"id":3,"content":"[SEP]","special":true}],
"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,
"lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},"model":{"type":"WordPiece","unk_token":"[UNK]",
"continuing_subword_prefix":"##","vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"the":4,"qu":5,"##ern":6}}})",
        R"({"cls_token":"[CLS]","sep_token":"[SEP]","pad_token":"[PAD]"})");
  return 0;
}
