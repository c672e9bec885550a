#pragma once
// Every family, each defined in a file of its own. all.cpp lists them.
#include "src/architectures/spec_builder.h"

namespace quern::detail::architectures {

extern const Family llama, internlm2, smollm3, granite, granitemoe;
extern const Family gemma, gemma2, gemma3, gemma_embedding;
extern const Family bert, nomic_bert, nomic_bert_moe, jina_bert_v2, modern_bert;
extern const Family phi2, phi3;
extern const Family gpt2, gptneox, starcoder2;
extern const Family falcon, mpt, stablelm;
extern const Family olmo2, olmo3, exaone4;
extern const Family command_r, cohere2;
extern const Family glm4, gpt_oss;
extern const Family deepseek2;
extern const Family t5, t5encoder;
extern const Family lfm2, lfm2moe, qwen3next, qwen35, qwen35moe, mamba2, falcon_h1;
extern const Family qwen2, qwen2moe, qwen3, qwen3moe;

}  // namespace quern::detail::architectures
