// Every family Quern can run. A plain list: objects that register themselves before main() are left out by
// the linker when Quern is a static library.
#include "src/architectures/families.h"

namespace quern::detail {

std::span<const Family* const> families() {
  using namespace architectures;
  static constexpr const Family* list[] = {
      &llama,     &internlm2,  &smollm3,        &granite,      &granitemoe,  &qwen2,
      &qwen2moe,  &qwen3,      &qwen3moe,       &gemma,        &gemma2,      &gemma3,
      &phi2,      &phi3,       &gpt2,           &gptneox,      &starcoder2,  &falcon,
      &mpt,       &stablelm,   &olmo2,          &olmo3,        &exaone4,     &command_r,
      &cohere2,   &glm4,       &gpt_oss,        &deepseek2,    &lfm2,        &lfm2moe,
      &qwen3next, &qwen35,     &qwen35moe,      &mamba2,       &falcon_h1,   &gemma_embedding,
      &bert,      &nomic_bert, &nomic_bert_moe, &jina_bert_v2, &modern_bert, &t5,
      &t5encoder,
  };
  return list;
}

}  // namespace quern::detail
