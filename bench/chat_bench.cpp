// Rendering a conversation of 100 messages, half of them the model's, 160 bytes each; the target is 2 ms. The
// templates of released models are read in place (QUERN_CHAT_TEMPLATES=folder); without them there is one
// that does what they do.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "quern/chat.h"

namespace {

using namespace quern;

constexpr const char* usual = R"({{- bos_token }}
{%- if messages[0].role == 'system' %}{% set offset = 1 %}{% else %}{% set offset = 0 %}{% endif %}
{%- set ns = namespace(last_query=messages | length - 1) %}
{%- for m in messages[::-1] %}
    {%- if m.role == 'user' and not m.content.startswith('<tool_response>') %}
        {%- set ns.last_query = messages | length - loop.index %}{% break %}
    {%- endif %}
{%- endfor %}
{%- for m in messages %}
    {%- if (m.role == 'user') != ((loop.index0 + offset) % 2 == 0) %}{{ raise_exception('roles') }}{% endif %}
    {%- set content = m.content.split('</think>')[-1].lstrip('\n') %}
    {%- if m.role == 'assistant' and loop.index0 > ns.last_query %}{% set content = m.content %}{% endif %}
{{- '<|im_start|>' + m.role + '\n' + content | trim + '<|im_end|>' + '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %})";

void run(benchmark::State& state, const std::string& source) {
  const auto chat = ChatTemplate::compile(source, {.bos_token = "<s>", .eos_token = "</s>"});
  if (!chat) return state.SkipWithError(chat.error().message.c_str());
  std::vector<ChatMessage> messages;
  for (int i = 0; i < 100; ++i) {
    std::string text = "message " + std::to_string(i) + ":";
    while (text.size() < 160) text += " grain";
    messages.push_back({.role = i % 2 == 0 ? "user" : "assistant", .content = text});
  }
  const RenderOptions options{.now = std::chrono::local_seconds()};
  const auto first = chat->render(messages, options);  // finds out what the template can do
  if (!first) return state.SkipWithError(first.error().message.c_str());
  if (first->text.find("message 98:") == std::string::npos)
    return state.SkipWithError("a message is missing");
  for (auto _ : state) benchmark::DoNotOptimize(chat->render(messages, options)->text.size());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(first->text.size()));
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::RegisterBenchmark("chat/render/usual/100", run, std::string(usual))
      ->Unit(benchmark::kMillisecond);
  if (const char* folder = std::getenv("QUERN_CHAT_TEMPLATES"))
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".jinja") continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string source{std::istreambuf_iterator<char>(file), {}};
      const std::string name = "chat/render/" + entry.path().stem().string() + "/100";
      benchmark::RegisterBenchmark(name.c_str(), run, source)->Unit(benchmark::kMillisecond);
    }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
