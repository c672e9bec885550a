#include "src/tokenizer/pre_tokenizer.h"

#include "src/tokenizer/rule_sets.h"

namespace quern::detail {

namespace {

namespace sets = rule_sets;

constexpr unsigned llama3_flags = ignore_merges | adds_bos;
constexpr unsigned raw_flags = raw_text | escapes_spaces;

constexpr PreTokenizer pre_table[] = {
    {"default", &sets::default_, 0},
    {"gpt-2", &sets::gpt2, 0},
    {"phi-2", &sets::gpt2, 0},
    {"jina-es", &sets::gpt2, 0},
    {"jina-de", &sets::gpt2, 0},
    {"gigachat", &sets::gpt2, 0},
    {"jina-v2-es", &sets::gpt2, 0},
    {"jina-v2-de", &sets::gpt2, 0},
    {"a.x-4.0", &sets::gpt2, 0},
    {"mellum", &sets::gpt2, 0},
    {"modern-bert", &sets::gpt2, 0},
    {"mpt", &sets::gpt2, 0},
    {"olmo", &sets::gpt2, 0},
    {"jais", &sets::gpt2, 0},
    {"exaone4", &sets::gpt2, 0},
    {"jina-v1-en", &sets::gpt2, adds_sep},
    {"jina-v2-code", &sets::gpt2, adds_sep},
    {"roberta-bpe", &sets::gpt2, adds_sep},
    {"trillion", &sets::gpt2, no_clean_up},
    {"granite-docling", &sets::gpt2, no_clean_up},
    {"starcoder", &sets::starcoder, 0},
    {"refact", &sets::starcoder, 0},
    {"codeshell", &sets::starcoder, 0},
    {"exaone", &sets::starcoder, 0},
    {"minerva-7b", &sets::starcoder, 0},
    {"mellum2", &sets::starcoder, 0},
    {"command-r", &sets::starcoder, no_clean_up},
    {"smollm", &sets::starcoder, no_clean_up},
    {"falcon", &sets::falcon, 0},
    {"llama3", &sets::llama3, llama3_flags},
    {"llama-v3", &sets::llama3, llama3_flags},
    {"llama-bpe", &sets::llama3, llama3_flags},
    {"falcon3", &sets::llama3, llama3_flags},
    {"falcon-h1", &sets::llama3, llama3_flags},
    {"pixtral", &sets::llama3, llama3_flags},
    {"midm-2.0", &sets::llama3, llama3_flags},
    {"lfm2", &sets::llama3, llama3_flags},
    {"jina-v5-nano", &sets::llama3, llama3_flags},
    {"dbrx", &sets::llama3, 0},
    {"smaug-bpe", &sets::llama3, 0},
    {"glm4", &sets::llama3, no_default_bos},
    {"chatglm-bpe", &sets::llama3, no_default_bos},
    {"qwen2", &sets::qwen2, no_clean_up},
    {"deepseek-r1-qwen", &sets::qwen2, no_clean_up},
    {"kormo", &sets::qwen2, no_clean_up},
    {"f2llmv2", &sets::qwen2, no_clean_up},
    {"hunyuan", &sets::qwen2, no_clean_up},
    {"grok-2", &sets::qwen2, no_clean_up},
    {"solar-open", &sets::qwen2, no_clean_up},
    {"bailingmoe", &sets::qwen2, no_clean_up},
    {"bailingmoe2", &sets::qwen2, no_clean_up},
    {"llada-moe", &sets::qwen2, no_clean_up},
    {"stablelm2", &sets::qwen2, 0},
    {"megrez", &sets::qwen2, 0},
    {"qwen35", &sets::qwen35, no_clean_up},
    {"seed-coder", &sets::seed, no_clean_up},
    {"jais-2", &sets::jais2, 0},
    {"minicpm5", &sets::minicpm5, ignore_merges},
    {"laguna", &sets::laguna, no_clean_up},
    {"exaone-moe", &sets::exaone_moe, 0},
    {"gpt-4o", &sets::gpt_4o, no_clean_up},
    {"llama4", &sets::gpt_4o, no_clean_up},
    {"kanana2", &sets::gpt_4o, no_clean_up},
    {"talkie", &sets::gpt_4o, no_clean_up},
    {"minimax-m2", &sets::gpt_4o, no_clean_up},
    {"tekken", &sets::tekken, ignore_merges | adds_bos | no_clean_up},
    {"granite-embed-multi-97m", &sets::granite_97m, ignore_merges | no_clean_up},
    {"tiny_aya", &sets::tiny_aya, no_clean_up},
    {"cohere2moe", &sets::tiny_aya, no_clean_up},
    {"youtu", &sets::youtu, ignore_merges | no_clean_up},
    {"kimi-k2", &sets::kimi_k2, no_clean_up},
    {"deepseek-v3", &sets::deepseek_v3, no_clean_up},
    {"hunyuan-dense", &sets::deepseek_v3, no_clean_up},
    {"joyai-llm", &sets::deepseek_v3, no_clean_up},
    {"afmoe", &sets::afmoe, no_clean_up},
    {"deepseek-coder", &sets::deepseek_coder, no_clean_up},
    {"deepseek-llm", &sets::deepseek_llm, no_clean_up},
    {"bloom", &sets::bloom, 0},
    {"gpt3-finnish", &sets::bloom, 0},
    {"poro-chat", &sets::bloom, no_clean_up},
    {"viking", &sets::viking, no_clean_up},
    {"superbpe", &sets::superbpe, no_clean_up},
    {"chameleon", &sets::chameleon, adds_bos | no_clean_up},
    {"gemma4", &sets::newlines, raw_flags | always_bos | whole_newlines},
    {"granite-embed-multi-311m", &sets::newlines, raw_flags | always_bos | whole_newlines},
    {"sarvam-moe", &sets::newlines, raw_flags | no_clean_up},
    {"whitespace", &sets::whitespace, raw_text},
};

}  // namespace

std::span<const PreTokenizer> pre_tokenizers() { return pre_table; }

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  for (const PreTokenizer& row : pre_table)
    if (row.name == name) return &row;
  return nullptr;
}

}  // namespace quern::detail
