// A conversation in the terminal.
//
//   quern-chat -m tiny.gguf --system "Answer in one sentence."
//   echo "Where does Mira live?" | quern-chat -m tiny.gguf --temp 0
//
// Answers go to standard output, everything else to standard error. In a pipe each line of standard input is
// a message.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>

#include "common/conversation.h"
#include "common/interrupt.h"
#include "common/line_editor.h"
#include "common/program.h"
#include "common/progress.h"
#include "common/settings.h"
#include "common/template_option.h"

namespace {

constexpr const char* help_text =
    "  /system [TEXT]      show or set the system message\n"
    "  /retry              take the last answer back and let the model answer again\n"
    "  /undo               take the last question and its answer back\n"
    "  /clear              begin anew, with the same system message\n"
    "  /save FILE          keep the conversation as JSON\n"
    "  /load FILE          go on with one that was kept\n"
    "  /set [NAME VALUE]   show the settings, or change one\n"
    "  /stats              tokens, speed and memory\n"
    "  /exit               leave, as Ctrl-D does\n"
    "Ctrl-C stops an answer. A line that ends in \\ goes on in the next one. // at the start sends a / as "
    "text.\n";

class Chat {
 public:
  Chat(examples::Conversation conversation, const quern::GenerateOptions& options)
      : conversation_(std::move(conversation)), options_(options) {}

  void set_system(const std::string& text) {
    auto& messages = conversation_.messages;
    if (!messages.empty() && messages.front().role == "system") messages.erase(messages.begin());
    if (!text.empty()) messages.insert(messages.begin(), {.role = "system", .content = text});
  }

  /// Until the input ends. The exit status: 1 if an answer failed in a pipe.
  int run() {
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
    return failed_ && !editor_.terminal() ? 1 : 0;
  }

 private:
  using Text = const std::string&;

  void note(Text text) const {
    std::fprintf(stderr, isatty(STDERR_FILENO) == 1 ? "\x1b[2m%s\x1b[0m\n" : "%s\n", text.c_str());
  }

  void ask(Text question) {
    conversation_.messages.push_back({.role = "user", .content = question});
    if (!answer()) conversation_.messages.pop_back();
  }

  /// False if there is none: nothing was added to the messages.
  bool answer() {
    using examples::Interrupt;
    const Interrupt interrupt(editor_.terminal() ? Interrupt::Again::ignored : Interrupt::Again::ends);
    examples::ProgressBar reading("reading");
    options_.progress = reading.callback();
    options_.stop = interrupt.token();
    bool dim = false;
    char last = '\n';
    const auto switch_dim = [&](bool on) {
      if (on == dim) return;
      dim = on;
      examples::write_out(on ? "\x1b[2m" : "\x1b[0m\n\n");
    };
    const auto show = [&](std::string_view piece, bool is_reasoning) {
      reading.clear();
      if (is_reasoning && !editor_.terminal()) return;  // a pipe gets the answers alone
      switch_dim(is_reasoning);
      examples::write_out(piece);
      examples::flush_out();
      last = piece.back();
    };
    auto reply = conversation_.answer(options_, show);
    reading.clear();
    if (dim) examples::write_out("\x1b[0m");
    if (last != '\n' || (reply && !editor_.terminal())) examples::write_out("\n");
    examples::flush_out();
    if (!reply) {
      failed_ = true;
      const bool full = reply.error().code == quern::ErrorCode::context_full;
      note(reply.error().message + (full ? " (/undo or /clear makes room, --n-ctx gives more)" : ""));
      return false;
    }
    last_ = *reply;
    const quern::Generation& done = reply->done;
    if (done.finish == quern::Finish::max_tokens)
      note("[stopped after max_tokens = " + std::to_string(options_.max_tokens) + "]");
    if (done.finish == quern::Finish::context_full)
      note("[stopped: the context is full; /clear begins anew]");
    if (done.finish == quern::Finish::cancelled) {
      note("[stopped]");
      failed_ = leave_ = !editor_.terminal();
    }
    if (done.finish == quern::Finish::cancelled && done.text.empty()) return false;
    conversation_.messages.push_back(
        {.role = "assistant", .content = reply->answer.content, .reasoning = reply->answer.reasoning});
    return true;
  }

  void command(Text line) {
    const std::size_t space = std::min(line.find_first_of(" \n"), line.size());
    const std::size_t begin = std::min(line.find_first_not_of(" \n", space), line.size());
    const std::string name = line.substr(1, space - 1);
    std::string argument = line.substr(begin);
    while (argument.ends_with(' ')) argument.pop_back();
    struct Command {
      const char* name;
      void (Chat::*run)(Text);
    };
    constexpr Command commands[] = {{"help", &Chat::help}, {"system", &Chat::system}, {"retry", &Chat::retry},
                                    {"undo", &Chat::undo}, {"clear", &Chat::clear},   {"save", &Chat::save},
                                    {"load", &Chat::load}, {"set", &Chat::set},       {"stats", &Chat::stats},
                                    {"exit", &Chat::exit}, {"quit", &Chat::exit}};
    const auto* const known =
        std::ranges::find(commands, name, [](const Command& c) { return std::string(c.name); });
    if (known == std::end(commands)) return note("there is no command /" + name + "; /help lists them");
    try {
      (this->*known->run)(argument);
    } catch (const std::exception& error) {
      note(error.what());
    }
  }

  void help(Text) { std::fputs(help_text, stderr); }
  void exit(Text) { leave_ = true; }

  void system(Text text) {
    const auto& messages = conversation_.messages;
    if (!text.empty()) return set_system(text);
    note(!messages.empty() && messages.front().role == "system" ? messages.front().content
                                                                : "no system message");
  }
  bool drop(Text role) {
    auto& messages = conversation_.messages;
    if (messages.empty() || messages.back().role != role) return false;
    messages.pop_back();
    return true;
  }
  void retry(Text) {
    const auto before = conversation_.messages;
    drop("assistant");
    if (conversation_.messages.empty() || conversation_.messages.back().role != "user") {
      conversation_.messages = before;
      return note("there is nothing to answer");
    }
    if (!answer()) conversation_.messages = before;
  }
  void undo(Text) {
    drop("assistant");
    note(drop("user") ? "taken back" : "there is nothing to take back");
  }
  void clear(Text) {
    auto& messages = conversation_.messages;
    std::erase_if(messages, [](const quern::ChatMessage& message) { return message.role != "system"; });
  }
  void save(Text path) {
    std::ofstream file(path, std::ios::binary);
    file << examples::to_json(conversation_.messages);
    if (!file.flush()) throw std::runtime_error("cannot write '" + path + "'");
    note(std::to_string(conversation_.messages.size()) + " messages saved in " + path);
  }
  void load(Text path) {
    conversation_.messages = examples::messages_from_json(examples::read_file(path));
    note(std::to_string(conversation_.messages.size()) + " messages loaded");
  }

  void set(Text text) {
    if (text.empty())
      std::fputs(examples::described(options_).c_str(), stderr);
    else
      examples::change(options_, text);
  }

  void stats(Text) {
    const quern::Session& session = conversation_.session();
    const quern::Generation& done = last_.done;
    const auto rate = [](int n, double ms) { return ms > 0 ? n / ms * 1000 : 0.0; };
    std::fprintf(stderr, "  context     %zu of %d tokens, %s\n", session.tokens().size(), session.n_ctx(),
                 examples::human_bytes(session.memory_bytes()).c_str());
    std::fprintf(stderr, "  last prompt %d tokens kept, %d read at %.1f/s\n", last_.reused_tokens,
                 done.prompt_tokens, rate(done.prompt_tokens, done.prompt_ms));
    std::fprintf(stderr, "  last answer %d tokens at %.1f/s, first after %.0f ms, seed %llu\n",
                 done.new_tokens, rate(done.new_tokens - 1, done.generate_ms), done.first_token_ms,
                 static_cast<unsigned long long>(done.seed));
  }

  examples::LineEditor editor_;
  examples::Conversation conversation_;
  quern::GenerateOptions options_;
  examples::Conversation::Reply last_;
  bool leave_ = false, failed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  using examples::real_number;
  using examples::whole_number;
  examples::Program program("quern-chat", "A conversation in the terminal.", examples::Program::Input::model,
                            examples::Program::Output::text);
  program.add_compute_options();
  program.add_session_options();
  std::string system, source, variables;
  quern::GenerateOptions options{.max_tokens = 1024};
  std::uint64_t seed = 0;
  program.add_option("-s,--system", system, "The system message");
  examples::add_template_option(program, source);
  program.add_option("--variables", variables, "Variables of the template, as {\"enable_thinking\": false}")
      .type_name("JSON");
  program.add_option("-n,--max-tokens", options.max_tokens, "Tokens of an answer at most")
      .check(whole_number(0, std::numeric_limits<int>::max()))
      .show_default();
  program.add_option("--temp", options.sampler.temperature, "Temperature; 0: always the likeliest token")
      .check(real_number(0))
      .show_default();
  const examples::Option seeded =
      program.add_option("--seed", seed, "Same seed, same answers (default: a new one each time)")
          .check(whole_number(0))
          .type_name("N");

  return program.run(argc, argv, [&] {
    if (seeded.given()) options.sampler.seed = seed;
    examples::ProgressBar loading("loading");
    program.open.progress = loading.callback();
    const auto model = quern::Model::open(program.model, program.open).value();
    loading.clear();
    const quern::Tokenizer tokenizer = model.tokenizer();
    const auto name_of = [&](std::optional<quern::Token> token) {
      return token ? std::string(tokenizer.token_text(*token)) : std::string();
    };
    const quern::TemplateOptions names = {.bos_token = name_of(tokenizer.bos()),
                                          .eos_token = name_of(tokenizer.eos())};
    const auto chat = source.empty() ? examples::own_template(model.chat_template())
                                     : examples::given_template(source, names);
    // What the model was trained for may take more memory than a conversation deserves.
    if (program.session.n_ctx == 0) program.session.n_ctx = std::min(model.info().n_ctx_train, 8192);
    examples::Conversation conversation(model, chat, model.new_session(program.session).value());
    conversation.variables = variables;
    Chat session(std::move(conversation), options);
    session.set_system(system);
    return session.run();
  });
}
