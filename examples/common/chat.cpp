#include "common/chat.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "common/answer_view.h"
#include "common/interrupt.h"
#include "common/messages.h"
#include "common/output_file.h"
#include "common/program.h"
#include "common/progress.h"
#include "common/settings.h"

namespace examples {
namespace {

constexpr const char* help_text =
    "  /system [TEXT]      show or set the system message; - takes it away\n"
    "  /retry              take the last answer back and let the model answer again\n"
    "  /undo               take the last question and its answer back\n"
    "  /clear              begin anew, with the same system message\n"
    "  /tool NAME RESULT   give the result of a call, by the tool's name or the call's id\n"
    "  /save FILE          keep the conversation as JSON\n"
    "  /load FILE          go on with one that was kept\n"
    "  /set [NAME VALUE]   show the settings, or change one\n"
    "  /stats              tokens, speed and memory\n"
    "  /exit               leave, as Ctrl-D does\n"
    "Ctrl-C stops an answer, or empties the line. A line that ends in \\ goes on in\n"
    "the next one. // at the start sends a / as text.\n";

/// The first word, and what comes after the space behind it, without spaces at its end.
std::pair<std::string, std::string> first_word(const std::string& text) {
  const std::size_t space = std::min(text.find_first_of(" \n"), text.size());
  const std::size_t begin = std::min(text.find_first_not_of(" \n", space), text.size());
  const std::size_t end = text.find_last_not_of(' ') + 1;
  return {text.substr(0, space), text.substr(begin, end - std::min(begin, end))};
}

}  // namespace

int Chat::run() {
  if (editor_.terminal()) {
    std::signal(SIGINT, SIG_IGN);  // but for an answer, which it stops, and the line editor
    note("/help lists the commands, Ctrl-D leaves.");
  }
  while (!leave_) {
    const auto line = editor_.read("> ");
    if (!line) break;
    if (line->find_first_not_of(" \t\r\n") == std::string::npos) continue;
    if (line->starts_with('/') && !line->starts_with("//"))
      command(*line);
    else
      ask(line->starts_with("//") ? line->substr(1) : *line);
  }
  if (editor_.terminal() && !leave_) std::fputs("\n", stdout);
  return editor_.terminal() ? 0 : status_;
}

void Chat::note(Text text) const {
  std::fprintf(stderr, isatty(STDERR_FILENO) == 1 ? "\x1b[2m%s\x1b[0m\n" : "%s\n", text.c_str());
}

void Chat::ask(Text question) {
  conversation_.messages.push_back({.role = "user", .content = question});
  if (!answer()) conversation_.messages.pop_back();
}

bool Chat::answer() {
  const Interrupt interrupt(editor_.terminal() ? Interrupt::Again::ignored : Interrupt::Again::ends);
  ProgressBar reading("reading");
  options_.progress = reading.callback();
  options_.stop = interrupt.token();
  AnswerView view(editor_.terminal());
  auto reply = conversation_.answer(options_, [&](const quern::AnswerPieces& pieces) {
    reading.clear();
    view.show(pieces);
  });
  reading.clear();
  view.end(reply.has_value());
  if (!reply) {
    status_ = 1;
    const bool full = reply.error().code == quern::ErrorCode::context_full;
    note(reply.error().message + (full ? " (/undo or /clear makes room, --n-ctx gives more)" : ""));
    return false;
  }
  last_ = *reply;
  const quern::Finish finish = reply->done.finish;
  if (finish == quern::Finish::max_tokens)
    note("[stopped after max_tokens = " + std::to_string(options_.max_tokens) + "]");
  if (finish == quern::Finish::context_full) note("[stopped: the context is full; /clear begins anew]");
  if (finish == quern::Finish::cancelled) {
    note("[stopped]");
    leave_ = !editor_.terminal();
    status_ = interrupted_status;
    if (reply->done.text.empty()) return false;
  }
  quern::Answer& answer = reply->answer;
  conversation_.messages.push_back({.role = "assistant",
                                    .content = std::move(answer.content),
                                    .reasoning = std::move(answer.reasoning),
                                    .tool_calls = std::move(answer.tool_calls)});
  if (editor_.terminal() && !conversation_.waiting_calls().empty()) note("/tool NAME RESULT answers a call.");
  return true;
}

void Chat::command(Text line) {
  const auto [name, argument] = first_word(line.substr(1));
  struct Command {
    const char* name;
    void (Chat::*run)(Text);
  };
  constexpr Command commands[] = {{"help", &Chat::help}, {"system", &Chat::system}, {"retry", &Chat::retry},
                                  {"undo", &Chat::undo}, {"clear", &Chat::clear},   {"save", &Chat::save},
                                  {"load", &Chat::load}, {"set", &Chat::set},       {"stats", &Chat::stats},
                                  {"tool", &Chat::tool}, {"exit", &Chat::exit},     {"quit", &Chat::exit}};
  const auto* const known =
      std::ranges::find(commands, name, [](const Command& c) { return std::string(c.name); });
  if (known == std::end(commands)) return note("there is no command /" + name + "; /help lists them");
  try {
    (this->*known->run)(argument);
  } catch (const std::exception& error) {
    note(error.what());
  }
}

void Chat::help(Text) { std::fputs(help_text, stderr); }
void Chat::exit(Text) { leave_ = true; }
void Chat::clear(Text) { conversation_.clear(); }

void Chat::system(Text text) {
  if (!text.empty()) return conversation_.set_system(text == "-" ? "" : text);
  const std::string now = conversation_.system();
  note(now.empty() ? "no system message" : now);
}

void Chat::retry(Text) {
  const auto before = conversation_.messages;
  if (!conversation_.take_back_answer()) return note("there is nothing to answer");
  if (!answer()) conversation_.messages = before;
}

void Chat::undo(Text) {
  note(conversation_.take_back_question() ? "taken back" : "there is nothing to take back");
}

void Chat::tool(Text text) {
  const auto [call, result] = first_word(text);
  conversation_.add_result(call, result);
  if (conversation_.waiting_calls().empty() && !answer()) conversation_.messages.pop_back();
}

void Chat::save(Text path) {
  if (path.empty()) throw std::runtime_error("/save needs the name of a file");
  OutputFile file(path);
  file.write(to_json(conversation_.messages));
  file.close();
  note(std::to_string(conversation_.messages.size()) + " messages saved in " + path);
}

void Chat::load(Text path) {
  if (path.empty()) throw std::runtime_error("/load needs the name of a file");
  conversation_.messages = messages_from_json(read_file(path));
  note(std::to_string(conversation_.messages.size()) + " messages loaded");
}

void Chat::set(Text text) {
  if (text.empty())
    std::fputs(described(options_).c_str(), stderr);
  else
    change(options_, text);
}

void Chat::stats(Text) {
  const quern::Session& session = conversation_.session();
  const quern::Generation& done = last_.done;
  std::fprintf(stderr, "  context     %zu of %d tokens, %s\n", session.tokens().size(), session.n_ctx(),
               human_bytes(session.memory_bytes()).c_str());
  std::fprintf(stderr, "  last prompt %d tokens kept, %d read at %.1f/s\n", last_.reused_tokens,
               done.prompt_tokens, per_second(done.prompt_tokens, done.prompt_ms));
  std::fprintf(stderr, "  last answer %d tokens at %.1f/s, first after %.0f ms, seed %llu\n", done.new_tokens,
               per_second(done.new_tokens - 1, done.generate_ms), done.first_token_ms,
               static_cast<unsigned long long>(done.seed));
}

}  // namespace examples
