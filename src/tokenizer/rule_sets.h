#pragma once
// The ways of cutting text that pre-tokenizers use, several names each.
#include <span>

#include "src/tokenizer/scan.h"

namespace quern::detail::rule_sets {

using Steps = std::span<const Step>;

extern const Steps default_, gpt2, starcoder, falcon, llama3, qwen2, qwen35, seed, jais2, minicpm5, laguna,
    exaone_moe, gpt_4o, tekken, granite_97m, tiny_aya, youtu, kimi_k2, deepseek_v3, afmoe, deepseek_coder,
    deepseek_llm, bloom, viking, superbpe, chameleon, newlines, whitespace;

}  // namespace quern::detail::rule_sets
