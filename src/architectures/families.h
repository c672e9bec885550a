#pragma once
// Every family, each defined in a file of its own. all.cpp lists them.
#include "src/architectures/spec_builder.h"

namespace quern::detail {

extern const Family llama, internlm2, smollm3, granite, granitemoe;
extern const Family qwen2, qwen2moe, qwen3, qwen3moe;

}  // namespace quern::detail
