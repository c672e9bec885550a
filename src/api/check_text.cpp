#include "src/api/check_text.h"

#include <algorithm>

#include "formats/printable.h"
#include "formats/try.h"
#include "formats/utf8.h"
#include "quern/chat.h"
#include "src/tokenizer/clean_up.h"
#include "src/tokenizer/tokenizer_impl.h"

namespace quern::detail {
namespace {

using formats::cat;
using formats::printable;

// Words, white space of every kind, numbers, code, several scripts, combining marks, emoji of several parts.
constexpr std::string_view probe_texts[] = {
    "The quern grinds 12 bushels of wheat.",
    "It's 1234567.89, isn't it? Yes: they'd said so!",
    "  two spaces,\ttabs\t\tand\n\nlines \n  that are indented\n",
    "int main(int argc, char** argv) { return argc > 1 ? 0 : -1; }",
    "na\u00efve caf\u00e9 \u00dcbergr\u00f6\u00dfe \u0141\u00f3d\u017a, e\u0301 with a combining mark",
    "\u041c\u0435\u043b\u044c\u043d\u0438\u0446\u0430 \u043c\u0435\u043b\u0435\u0442 "
    "\u0437\u0435\u0440\u043d\u043e. \u0391\u03bb\u03ad\u03be\u03b7\u03c2",
    "\u77f3\u81fc\u3067\u5c0f\u9ea6\u3092\u633d\u304f\u3002\ub9f7\ub3cc\uc774 \ub3c8\ub2e4",
    "\u0627\u0644\u0631\u062d\u0649 \u05d8\u05d5\u05d7\u05df \u0e42\u0e21\u0e48 "
    "\u091a\u0915\u094d\u0915\u0940",
    "\U0001F33E \U0001F469\u200D\U0001F33E \U0001F1EE\U0001F1F3 \u2764\uFE0F",
    "a\u00a0no-break space, \u201cquotes\u201d \u2014 and \u221e \u2264 \u221a2",
};

/// Vocabularies that can write every text; the others normalise it first.
bool keeps_texts(const formats::Metadata& metadata) {
  constexpr std::string_view lossless[] = {"llama", "gpt2", "gemma4", "rwkv", "plamo2"};
  const auto model = metadata.string("tokenizer.ggml.model");
  return model && std::ranges::find(lossless, *model) != std::end(lossless);
}

/// What is wrong with one text; empty: nothing. Where the vocabulary normalises, doing it twice is as once.
Result<std::string> fault(const TokenizerImpl& tokenizer, std::string_view text, bool lossless) {
  const auto there_and_back = [&](std::string_view in, bool& unknown) -> Result<std::string> {
    QUERN_TRY(const std::vector<Token> ids, tokenizer.encode(in, false, false));
    // A vocabulary without bytes has no tokens for some characters.
    unknown = unknown || std::ranges::find(ids, tokenizer.special_id(unk)) != ids.end();
    return tokenizer.decode(ids, false, true);
  };
  bool unknown = false;
  QUERN_TRY(const std::string once, there_and_back(text, unknown));
  std::string expected(text), given(text);
  if (tokenizer.vocabulary().rules().clean_up) clean_up_spaces(expected);
  std::string found = once;
  if (!lossless && once != expected) {
    given = expected = once;
    QUERN_TRY(found, there_and_back(once, unknown));
  }
  if (unknown || found == expected) return std::string();
  return cat("'", printable(given), "' comes back as '", printable(found), "'");
}

}  // namespace

void check_tokenizer(const formats::Metadata& metadata, CheckReport& report) {
  const auto found = [&](std::string what) { report.findings.push_back({"tokenizer", std::move(what)}); };
  if (!metadata.has("tokenizer.ggml.model")) return report.notes.push_back("no tokenizer");
  const auto loaded = TokenizerImpl::load(metadata);
  if (!loaded) return found(loaded.error().message);
  const TokenizerImpl& tokenizer = **loaded;
  if (!tokenizer.check_present()) return report.notes.push_back("no tokenizer");
  const bool lossless = keeps_texts(metadata);
  // Counts what fails, so that a vocabulary that is wrong throughout gives two lines.
  std::uint64_t n_wrong = 0;
  std::string first;
  const auto try_text = [&](std::string_view text, std::string_view name) {
    auto what = fault(tokenizer, text, lossless);
    if (what && what->empty()) return;
    if (n_wrong++ == 0) first = cat(name, what ? *what : what.error().message);
  };
  for (const std::string_view text : probe_texts) try_text(text, "");
  if (n_wrong > 0)
    found(cat(n_wrong, " of ", std::size(probe_texts), " texts do not survive encoding; ", first));
  for (const std::string& warning : tokenizer.vocabulary().warnings()) report.notes.push_back(warning);

  // Every token by its own text: the vocabulary has at least that token for it.
  if (!lossless) return;
  n_wrong = 0;
  for (Token id = 0; tokenizer.contains(id); ++id) {
    const std::string_view text = tokenizer.piece(id, false);
    if (!text.empty() && tokenizer.vocabulary().has(id, attr_normal) && formats::is_utf8(text))
      try_text(text, cat("token ", id, ": "));
  }
  if (n_wrong > 0)
    found(
        cat("the texts of ", n_wrong, " of ", tokenizer.size(), " tokens do not survive encoding; ", first));
}

void check_chat_template(const formats::Metadata& metadata, const std::filesystem::path& gguf,
                         CheckReport& report) {
  const auto found = [&](std::string what) { report.findings.push_back({"chat template", std::move(what)}); };
  const auto chat = ChatTemplate::open(gguf);
  if (!chat && chat.error().code == ErrorCode::no_template) return report.notes.push_back("no chat template");
  if (!chat) return found(chat.error().message);
  const std::vector<ChatMessage> messages = {
      {.role = "user", .content = "Which river flows past the mill?"},
      {.role = "assistant", .content = "The Fennock flows past the mill."},
      {.role = "user", .content = "And what does the mill grind?"}};
  const auto rendering = chat->render(messages);
  if (!rendering) return found(cat("refuses a conversation: ", printable(rendering.error().message)));
  std::size_t at = 0;
  for (const ChatMessage& message : messages) {
    at = rendering->text.find(message.content, at);
    if (at == std::string::npos)
      return found(cat("leaves out '", message.content, "' of the ", message.role, " or changes its place"));
    at += message.content.size();
  }
  if (!metadata.has("tokenizer.ggml.model")) return;
  const auto tokenizer = TokenizerImpl::load(metadata);
  if (!tokenizer) return;  // a finding of check_tokenizer()
  if (const auto tokens = encode(Tokenizer(*tokenizer), *rendering); !tokens)
    found(cat("a rendering has no tokens: ", tokens.error().message));
}

}  // namespace quern::detail
