// The golden answers as parts of conversations: what the templates of released models make of the question,
// and of the answer once it has been taken apart. The templates are read in place.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "quern/chat.h"
#include "tests/support/files.h"

namespace quern::test {
namespace {

using Ordered = nlohmann::ordered_json;
namespace fs = std::filesystem;

const fs::path templates = fs::path(QUERN_SHARED_DIR) / "golden/chat/templates";

// What these templates take: the field of reasoning; content in parts, tools, calls of tools.
constexpr struct {
  const char *name, *reasoning_field;
  bool content_parts, tools, tool_calls;
} takes[] = {
    {"Apertus-8B-Instruct", "content.blocks", false, true, true},
    {"ByteDance-Seed-OSS", "reasoning_content", false, true, true},
    {"Cohere2MoE", "reasoning_content", true, true, true},
    {"CohereForAI-c4ai-command-r7b-12-2024-tool_use", "reasoning_content", false, true, true},
    {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "", false, false, true},
    {"deepseek-ai-DeepSeek-V3.1", "", false, false, true},
    {"deepseek-ai-DeepSeek-V3.2", "reasoning_content", false, true, true},
    {"deepseek-ai-DeepSeek-V4-Flash-0731", "reasoning_content", false, true, true},
    {"GigaChat3-10B-A1.8B", "", false, true, true},
    {"GLM-4.6", "reasoning_content", true, true, true},
    {"google-gemma-2-2b-it", "", false, false, false},
    {"google-gemma-4-31B-it", "reasoning_content", true, true, true},
    {"HuggingFaceTB-SmolLM3-3B", "", false, false, false},
    {"ibm-granite-granite-3.3-2B-Instruct", "", false, true, false},
    {"ibm-granite-granite-4.0", "", true, true, true},
    {"Kimi-K2-Instruct", "", true, true, false},
    {"Kimi-K3", "reasoning_content", true, true, true},
    {"LFM2-8B-A1B", "", false, true, false},
    {"LFM2.5-Instruct", "", false, true, false},
    {"llama-cpp-deepseek-r1", "", false, false, true},
    {"meetkai-functionary-medium-v3.2", "", false, true, true},
    {"meta-llama-Llama-3.1-8B-Instruct", "", false, true, true},
    {"meta-llama-Llama-3.3-70B-Instruct", "", false, true, true},
    {"microsoft-Phi-3.5-mini-instruct", "", false, false, false},
    {"MiMo-VL", "", false, true, true},
    {"MiniMax-M2", "reasoning_content", true, true, true},
    {"mistralai-Ministral-3-14B-Reasoning-2512", "content.thinking", true, true, true},
    {"mistralai-Mistral-Nemo-Instruct-2407", "", false, true, true},
    {"moonshotai-Kimi-K2", "", true, true, true},
    {"muse-glimmer", "reasoning_content", true, true, true},
    {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "", false, true, true},
    {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "", false, true, true},
    {"NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", "reasoning_content", false, true, true},
    {"openai-gpt-oss-120b", "thinking", false, true, true},
    {"openbmb-MiniCPM5-1B", "reasoning_content", false, true, true},
    {"poolside-Laguna-XS-2.1", "reasoning_content", false, true, true},
    {"poolside-Laguna-XS.2", "reasoning_content", false, true, true},
    {"Qwen-Qwen2.5-7B-Instruct", "", false, true, true},
    {"Qwen-Qwen3-0.6B", "reasoning_content", false, true, true},
    {"Qwen3-Coder", "", false, true, true},
    {"Reka-Edge", "reasoning_content", true, true, true},
    {"StepFun3.5-Flash", "reasoning_content", true, true, true},
    {"unsloth-Apriel-1.5", "thought", true, true, true},
    {"unsloth-mistral-Devstral-Small-2507", "", true, true, true},
    {"upstage-Solar-Open-100B", "reasoning", false, true, true},
};

class GoldenConversations : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(templates)) GTEST_SKIP() << "no templates in " << templates;
    golden_ = Ordered::parse(read_file(fs::path(QUERN_TEST_DATA_DIR) / "chat/tool-parsing.json"));
  }

  ChatTemplate chat(const Ordered& one) const {
    return ChatTemplate::compile(read_file(templates / one["template"].get<std::string>()),
                                 {.bos_token = golden_["bos_token"].get<std::string>(),
                                  .eos_token = golden_["eos_token"].get<std::string>()})
        .value();
  }
  ChatMessage question() const {
    return {.role = "user", .content = golden_["user_message"].get<std::string>()};
  }
  RenderOptions options(const Ordered& one) const {
    Ordered tools = Ordered::array();
    for (const auto& [name, tool] : golden_["tools"].items())
      if (!one.contains("tools") || std::ranges::find(one["tools"], Ordered(name)) != one["tools"].end())
        tools.push_back(tool);
    return {.tools = tools.dump(),
            .variables = one.contains("context") ? one["context"].dump() : "",
            .now = std::chrono::local_seconds()};
  }

  Ordered golden_;
};

TEST_F(GoldenConversations, CapabilitiesAreFoundOut) {
  for (const auto& expected : takes) {
    SCOPED_TRACE(expected.name);
    const ChatCapabilities found =
        ChatTemplate::compile(read_file(templates / (std::string(expected.name) + ".jinja")),
                              {.bos_token = "<s>", .eos_token = "</s>"})
            .value()
            .capabilities();
    EXPECT_EQ(found.reasoning_field, expected.reasoning_field);
    EXPECT_EQ(found.content_parts, expected.content_parts);
    EXPECT_EQ(found.tools, expected.tools);
    EXPECT_EQ(found.tool_calls, expected.tool_calls);
    EXPECT_EQ(found.system_role, std::string_view(expected.name) != "google-gemma-2-2b-it");
    EXPECT_EQ(found.text_arguments, std::string_view(expected.name) == "meetkai-functionary-medium-v3.2");
    EXPECT_EQ(found.short_call_ids,
              std::string_view(expected.name).find("Mistral-Nemo") != std::string_view::npos);
  }
}

TEST_F(GoldenConversations, ThePromptEndsWhereTheAnswerBegins) {
  for (const Ordered& one : golden_["cases"]) {
    const auto prompt = chat(one).render(std::vector<ChatMessage>{question()}, options(one));
    if (!prompt) {
      ADD_FAILURE() << one["name"] << ": " << prompt.error().message;
      continue;
    }
    EXPECT_TRUE(prompt->text.ends_with(one["prompt_end"].get<std::string>()))
        << one["name"] << ": "
        << prompt->text.substr(prompt->text.size() - std::min<std::size_t>(prompt->text.size(), 200));
  }
}

TEST_F(GoldenConversations, AnAnswerGoesBackIntoTheConversationAsItWas) {
  std::size_t n = 0;
  for (const Ordered& one : golden_["cases"]) {
    if (one["made_by"] != "render") continue;
    ++n;
    RenderOptions with = options(one);
    const ChatTemplate template_of_case = chat(one);
    auto parser =
        AnswerParser::create(AnswerFormat::of_template(template_of_case.source()),
                             {.prompt = one["prompt_end"].get_ref<const std::string&>(), .tools = with.tools})
            .value();
    parser.push(one["text"].get<std::string>()).value();
    parser.finish().value();
    const Answer& parsed = parser.answer();
    const ChatMessage answer{.role = "assistant",
                             .content = parsed.content,
                             .reasoning = parsed.reasoning,
                             .tool_calls = parsed.tool_calls};
    with.add_generation_prompt = false;
    const auto all = template_of_case.render(std::vector<ChatMessage>{question(), answer}, with);
    if (!all) {
      ADD_FAILURE() << one["name"] << ": " << all.error().message;
      continue;
    }
    EXPECT_NE(all->text.find(one["text"].get<std::string>()), std::string::npos)
        << one["name"] << "\n"
        << one["text"].get<std::string>() << "\n--- in\n"
        << all->text.substr(all->text.size() - std::min<std::size_t>(all->text.size(), 600));
  }
  EXPECT_EQ(n, 95u);
}

}  // namespace
}  // namespace quern::test
