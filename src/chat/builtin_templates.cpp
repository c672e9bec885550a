#include "src/chat/builtin_templates.h"

#include <algorithm>
#include <utility>

#include "formats/try.h"

namespace quern::detail {
namespace {

using formats::cat;

// What each role prints. Braces hold an expression: {c} is the content, {t} the content without ASCII white
// space at its ends, {r} the role. A role without a text prints `other`; without that it is left out.
struct Format {
  std::string_view name;
  std::string_view system = "", user = "", assistant = "", tool = "";
  std::string_view other = "";
  std::string_view generation = "";    ///< the beginning of an answer
  std::string_view first = "";         ///< in front of what the first message prints
  std::string_view after_answer = "";  ///< the same for a message behind an assistant's
  /// A marker that answers have and prompts lack: AnswerFormat::of_template() looks for it in the template.
  std::string_view marker = "";
};

constexpr std::string_view llama2_system = "<<SYS>>\n{c}\n<</SYS>>\n\n";

constexpr Format message_formats[] = {
    {.name = "chatml", .other = "<|im_start|>{r}\n{c}<|im_end|>\n", .generation = "<|im_start|>assistant\n"},
    {.name = "llama2",
     .system = "{c}\n",
     .user = "{c} [/INST]",
     .assistant = "{c}</s>",
     .first = "[INST] ",
     .after_answer = "[INST] "},
    {.name = "llama2-sys",
     .system = llama2_system,
     .user = "{c} [/INST]",
     .assistant = "{c}</s>",
     .first = "[INST] ",
     .after_answer = "[INST] "},
    {.name = "llama2-sys-bos",
     .system = llama2_system,
     .user = "{c} [/INST]",
     .assistant = "{c}</s>",
     .first = "[INST] ",
     .after_answer = "<s>[INST] "},
    {.name = "llama2-sys-strip",
     .system = "<<SYS>>\n{t}\n<</SYS>>\n\n",
     .user = "{t} [/INST]",
     .assistant = "{t}</s>",
     .first = "[INST] ",
     .after_answer = "[INST] "},
    {.name = "mistral-v1",
     .system = "{c}\n\n",
     .user = "{c} [/INST]",
     .assistant = " {c}</s>",
     .first = " [INST] ",
     .after_answer = " [INST] "},
    {.name = "mistral-v3",
     .system = "{c}\n\n",
     .user = "{c}[/INST]",
     .assistant = " {t}</s>",
     .first = "[INST] ",
     .after_answer = "[INST] "},
    {.name = "mistral-v3-tekken",
     .system = "{c}\n\n",
     .user = "{c}[/INST]",
     .assistant = "{c}</s>",
     .first = "[INST]",
     .after_answer = "[INST]"},
    {.name = "mistral-v7",
     .system = "[SYSTEM_PROMPT] {c}[/SYSTEM_PROMPT]",
     .user = "[INST] {c}[/INST]",
     .other = " {c}</s>"},
    {.name = "mistral-v7-tekken",
     .system = "[SYSTEM_PROMPT]{c}[/SYSTEM_PROMPT]",
     .user = "[INST]{c}[/INST]",
     .assistant = "{c}</s>"},
    {.name = "phi3", .other = "<|{r}|>\n{c}<|end|>\n", .generation = "<|assistant|>\n"},
    {.name = "phi4",
     .other = "<|im_start|>{r}<|im_sep|>{c}<|im_end|>",
     .generation = "<|im_start|>assistant<|im_sep|>"},
    {.name = "falcon3", .other = "<|{r}|>\n{c}\n", .generation = "<|assistant|>\n"},
    {.name = "zephyr", .other = "<|{r}|>\n{c}<|endoftext|>\n", .generation = "<|assistant|>\n"},
    {.name = "monarch",
     .other = "{'' if loop.first else '<s>'}{r}\n{c}</s>\n",
     .generation = "<s>assistant\n"},
    {.name = "openchat",
     .system = "{c}<|end_of_turn|>",
     .other = "GPT4 Correct {r[:1] | upper}{r[1:]}: {c}<|end_of_turn|>",
     .generation = "GPT4 Correct Assistant:"},
    {.name = "vicuna",
     .system = "{c}\n\n",
     .user = "USER: {c}\n",
     .assistant = "ASSISTANT: {c}</s>\n",
     .generation = "ASSISTANT:"},
    {.name = "vicuna-orca",
     .system = "SYSTEM: {c}\n",
     .user = "USER: {c}\n",
     .assistant = "ASSISTANT: {c}</s>\n",
     .generation = "ASSISTANT:"},
    {.name = "deepseek",
     .system = "{c}",
     .user = "### Instruction:\n{c}\n",
     .assistant = "### Response:\n{c}\n<|EOT|>\n",
     .generation = "### Response:\n"},
    {.name = "deepseek2",
     .system = "{c}\n\n",
     .user = "User: {c}\n\n",
     .assistant = "Assistant: {c}<｜end▁of▁sentence｜>",
     .generation = "Assistant:"},
    {.name = "deepseek3",
     .system = "{c}\n\n",
     .user = "<｜User｜>{c}",
     .assistant = "<｜Assistant｜>{c}<｜end▁of▁sentence｜>",
     .generation = "<｜Assistant｜>"},
    {.name = "deepseek-ocr", .system = "{c}", .user = "{c}", .assistant = "{c}"},
    {.name = "command-r",
     .system = "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{t}<|END_OF_TURN_TOKEN|>",
     .user = "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{t}<|END_OF_TURN_TOKEN|>",
     .assistant = "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{t}<|END_OF_TURN_TOKEN|>",
     .generation = "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>"},
    {.name = "llama3",
     .other = "<|start_header_id|>{r}<|end_header_id|>\n\n{t}<|eot_id|>",
     .generation = "<|start_header_id|>assistant<|end_header_id|>\n\n"},
    {.name = "llama4",
     .other = "<|header_start|>{r}<|header_end|>\n\n{t}<|eot|>",
     .generation = "<|header_start|>assistant<|header_end|>\n\n"},
    {.name = "chatglm3", .other = "<|{r}|>\n {c}", .generation = "<|assistant|>", .first = "[gMASK]sop"},
    {.name = "chatglm4", .other = "<|{r}|>\n{c}", .generation = "<|assistant|>\n", .first = "[gMASK]<sop>"},
    {.name = "glmedge", .other = "<|{r}|>\n{c}", .generation = "<|assistant|>"},
    {.name = "minicpm", .user = "<用户>{t}<AI>", .other = "{t}"},
    {.name = "exaone3",
     .system = "[|system|]{t}[|endofturn|]\n",
     .user = "[|user|]{t}\n",
     .assistant = "[|assistant|]{t}[|endofturn|]\n",
     .generation = "[|assistant|]"},
    {.name = "exaone4",
     .system = "[|system|]{t}[|endofturn|]\n",
     .user = "[|user|]{t}\n",
     .assistant = "[|assistant|]{t}[|endofturn|]\n",
     .tool = "[|tool|]{t}[|endofturn|]\n",
     .generation = "[|assistant|]"},
    {.name = "exaone-moe",
     .system = "<|system|>\n{t}<|endofturn|>\n",
     .user = "<|user|>\n{t}<|endofturn|>\n",
     .assistant = "<|assistant|>\n{t}<|endofturn|>\n",
     .tool = "<|tool|>\n{t}<|endofturn|>\n",
     .generation = "<|assistant|>\n"},
    {.name = "granite",
     .other = "<|start_of_role|>{r}<|end_of_role|>{'<|tool_call|>' if r == 'assistant_tool_call'}{c}"
              "<|end_of_text|>\n",
     .generation = "<|start_of_role|>assistant<|end_of_role|>"},
    {.name = "granite-4.0",
     .other = "<|start_of_role|>{'assistant' if r == 'assistant_tool_call' else r}<|end_of_role|>"
              "{'<|tool_call|>' if r == 'assistant_tool_call'}{c}<|end_of_text|>\n",
     .generation = "<|start_of_role|>assistant<|end_of_role|>"},
    {.name = "granite-4.1",
     .other = "<|start_of_role|>{'assistant' if r == 'assistant_tool_call' else r}<|end_of_role|>"
              "{'<|tool_call|>' if r == 'assistant_tool_call'}{c}<|end_of_text|>\n",
     .generation = "<|start_of_role|>assistant<|end_of_role|>"},
    {.name = "gigachat",
     .system = "{c ~ '<|message_sep|>' if loop.first}",
     .user = "user<|role_sep|>{c}<|message_sep|>available functions<|role_sep|>[]<|message_sep|>",
     .assistant = "assistant<|role_sep|>{c}<|message_sep|>",
     .generation = "assistant<|role_sep|>",
     .first = "<s>"},
    {.name = "megrez",
     .other = "<|role_start|>{r}<|role_end|>{c}<|turn_end|>",
     .generation = "<|role_start|>assistant<|role_end|>"},
    {.name = "yandex",
     .user = " Пользователь: {c}\n\n",
     .assistant = " Ассистент: {c}\n\n",
     .generation = " Ассистент:[SEP]"},
    {.name = "bailing",
     .user = "<role>HUMAN</role>{c}",
     .other = "<role>{r | upper}</role>{c}",
     .generation = "<role>ASSISTANT</role>"},
    {.name = "bailing-think",
     .user = "<role>HUMAN</role>{c}",
     .other = "<role>{r | upper}</role>{c}",
     .generation = "<role>ASSISTANT</role><think>",
     .marker = "</think>"},
    {.name = "bailing2",
     .user = "<role>HUMAN</role>{c}<|role_end|>",
     .other = "<role>{r | upper}</role>{c}<|role_end|>",
     .generation = "<role>ASSISTANT</role>",
     .first = "{'<role>SYSTEM</role>detailed thinking off<|role_end|>' if r != 'system'}"},
    {.name = "rwkv-world",
     .system = "System: {t}\n\n",
     .user = "User: {t}\n\n{'Assistant:' if loop.last}",
     .assistant = "Assistant: {t}\n\n"},
    {.name = "smolvlm",
     .system = "{c}\n\n",
     .user = "User: {c}<end_of_utterance>\n",
     .other = "Assistant: {c}<end_of_utterance>\n",
     .generation = "Assistant:",
     .first = "<|im_start|>"},
    {.name = "hunyuan-moe",
     .system = "<|startoftext|>{c}<|extra_4|>",
     .assistant = "{c}<|eos|>",
     .other = "<|startoftext|>{c}<|extra_0|>"},
    {.name = "hunyuan-dense",
     .system = "{c ~ '<｜hy_place▁holder▁no▁3｜>' if loop.first}",
     .user = "<｜hy_User｜>{c}<｜hy_Assistant｜>",
     .assistant = "<｜hy_Assistant｜>{c}<｜hy_place▁holder▁no▁2｜>"},
    {.name = "hunyuan-vl",
     .system = "{c ~ '<｜hy_place▁holder▁no▁3｜>' if loop.first}",
     .user = "{c}<｜hy_User｜>",
     .assistant = "{c}<｜hy_Assistant｜>",
     .first = "<｜hy_begin▁of▁sentence｜>"},
    {.name = "gpt-oss",
     .assistant = "<|start|>assistant<|message|>{c}<|return|>",
     .other = "<|start|>{r}<|message|>{c}<|end|>",
     .generation = "<|start|>assistant",
     .marker = "<|channel|>"},
    {.name = "kimi-k2",
     .system = "<|im_system|>system<|im_middle|>{c}<|im_end|>",
     .user = "<|im_user|>user<|im_middle|>{c}<|im_end|>",
     .assistant = "<|im_assistant|>assistant<|im_middle|>{c}<|im_end|>",
     .tool = "<|im_system|>tool<|im_middle|>{c}<|im_end|>",
     .generation = "<|im_assistant|>assistant<|im_middle|>"},
    {.name = "seed_oss",
     .assistant = "<seed:bos>assistant\n{t}<seed:eos>",
     .other = "<seed:bos>{r}\n{c}<seed:eos>",
     .generation = "<seed:bos>assistant\n"},
    {.name = "grok-2",
     .system = "System: {t}<|separator|>\n\n",
     .user = "Human: {t}<|separator|>\n\n",
     .assistant = "Assistant: {c}<|separator|>\n\n",
     .generation = "Assistant:"},
    {.name = "pangu-embedded",
     .system = "[unused9]系统：{c}[unused10]",
     .user = "[unused9]用户：{c}[unused10]",
     .assistant = "[unused9]助手：{c}[unused10]",
     .tool = "[unused9]工具：{c}[unused10]",
     .other = "{'[unused9]方法：' ~ c ~ '[unused10]' if r == 'function'}",
     .generation = "[unused9]助手：",
     .first = "{'[unused9]系统：[unused10]' if r != 'system'}"},
    {.name = "solar-open", .other = "<|begin|>{r}<|content|>{c}<|end|>", .generation = "<|begin|>assistant"},
};

// Two formats keep the system's text back until another message takes it up.
struct Whole {
  std::string_view name, text;
};
constexpr Whole wholes[] = {{"gemma", R"({%- set ns = namespace(system='') -%}
{%- for m in messages -%}
  {%- set t = (m.content or '') | trim(' \t\n\r\v\f') -%}
  {%- if m.role == 'system' -%}
    {%- set ns.system = ns.system ~ t -%}
  {%- else -%}
    {{- '<start_of_turn>' ~ ('model' if m.role == 'assistant' else m.role) ~ '\n' -}}
    {%- if ns.system and m.role != 'assistant' -%}
      {{- ns.system ~ '\n\n' -}}
      {%- set ns.system = '' -%}
    {%- endif -%}
    {{- t ~ '<end_of_turn>\n' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\n' -}}{%- endif -%})"},
                            {"orion", R"({%- set ns = namespace(system='') -%}
{%- for m in messages -%}
  {%- set c = m.content or '' -%}
  {%- if m.role == 'system' -%}
    {%- set ns.system = ns.system ~ c -%}
  {%- elif m.role == 'user' -%}
    {{- 'Human: ' ~ (ns.system ~ '\n\n' if ns.system else '') ~ c ~ '\n\nAssistant: </s>' -}}
    {%- set ns.system = '' -%}
  {%- elif m.role == 'assistant' -%}
    {{- c ~ '</s>' -}}
  {%- endif -%}
{%- endfor -%})"}};

/// A role's text as a template: literals in quotes, so that nothing trims them.
std::string as_template(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() == '{') {
      const std::size_t end = text.find('}');
      out += cat("{{ ", text.substr(1, end - 1), " }}");
      text.remove_prefix(end + 1);
      continue;
    }
    const std::string_view literal = text.substr(0, text.find('{'));
    out += "{{ '";
    for (const char c : literal) out += c == '\n' ? "\\n" : std::string(1, c);
    out += "' }}";
    text.remove_prefix(literal.size());
  }
  return out;
}

std::string as_template(const Format& format) {
  std::string out =
      "{%- for m in messages %}{% set r = m.role %}{% set c = m.content or '' %}"
      "{% set t = c | trim(' \\t\\n\\r\\v\\f') %}";
  if (!format.first.empty()) out += cat("{% if loop.first %}", as_template(format.first), "{% endif %}");
  if (!format.after_answer.empty())
    out += cat("{% if loop.previtem and loop.previtem.role == 'assistant' %}",
               as_template(format.after_answer), "{% endif %}");
  const std::pair<std::string_view, std::string_view> roles[] = {{"system", format.system},
                                                                 {"user", format.user},
                                                                 {"assistant", format.assistant},
                                                                 {"tool", format.tool}};
  std::string_view branch = "if";
  for (const auto& [role, text] : roles) {
    if (text.empty()) continue;
    out += cat("{% ", branch, " r == '", role, "' %}", as_template(text));
    branch = "elif";
  }
  const std::string other = as_template(format.other);
  out += branch == "if" ? other : cat("{% else %}", other, "{% endif %}");
  out += cat("{% endfor %}{% if add_generation_prompt %}", as_template(format.generation), "{% endif %}");
  return format.marker.empty() ? out : cat("{# ", format.marker, " #}", out);
}

}  // namespace

std::optional<std::string> builtin_template(std::string_view name) {
  for (const Format& format : message_formats)
    if (format.name == name) return as_template(format);
  for (const Whole& whole : wholes)
    if (whole.name == name) return std::string(whole.text);
  return std::nullopt;
}

std::vector<std::string_view> builtin_template_names() {
  std::vector<std::string_view> names;
  for (const Format& format : message_formats) names.push_back(format.name);
  for (const Whole& whole : wholes) names.push_back(whole.name);
  std::ranges::sort(names);
  return names;
}

}  // namespace quern::detail
