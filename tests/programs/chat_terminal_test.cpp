// quern-chat at a terminal: keys go in, and what a person sees comes out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include "tests/programs/program.h"

namespace quern::test {
namespace {

using testing::HasSubstr;

/// A program that runs at a terminal of its own.
class Terminal {
 public:
  Terminal(const std::string& program, std::vector<std::string> arguments) {
    const std::string path = std::string(QUERN_PROGRAM_DIR) + "/" + program;
    arguments.insert(arguments.begin(), path);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    winsize size{.ws_row = 40, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    pid_ = forkpty(&fd_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      setenv("TERM", "xterm", 1);
      execv(path.c_str(), argv.data());
      _exit(127);
    }
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(fd_);
  }

  void type(std::string_view keys) {
    ASSERT_EQ(write(fd_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  /// What was shown since the last call, up to and with the text; all there is where it never comes.
  std::string shown_until(std::string_view text) {
    std::string shown = std::move(rest_);
    for (std::size_t at = 0; (at = shown.find(text)) == std::string::npos;) {
      if (!read_more(shown)) return shown;
    }
    rest_ = shown.substr(shown.find(text) + text.size());
    shown.resize(shown.find(text) + text.size());
    return shown;
  }
  /// Waits for the prompt, and until keys are read one by one; gives what was shown. The latter is a moment
  /// after the former, in which the terminal itself would act on them.
  std::string shown_at_prompt() {
    std::string shown = shown_until("> ");
    termios mode{};
    for (int ms = 0; ms < 10'000 && tcgetattr(fd_, &mode) == 0 && (mode.c_lflag & ICANON) != 0; ++ms)
      usleep(1000);
    return shown;
  }
  /// The exit status, once it ends.
  int end() {
    std::string ignored;
    while (read_more(ignored)) continue;
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  bool read_more(std::string& shown) const {
    constexpr int timeout_ms = 30'000;
    pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
    char buffer[4096];
    if (poll(&ready, 1, timeout_ms) != 1) return false;
    const ssize_t n = read(fd_, buffer, sizeof buffer);
    if (n > 0) shown.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }
  int fd_ = -1;
  pid_t pid_ = -1;
  std::string rest_;
};

// What a terminal is asked for where libedit reads the lines.
constexpr const char* bracketed_paste = "\x1b[?2004h";
constexpr const char *interrupt = "\x03", *end_of_input = "\x04";

TEST(QuernChatTerminal, InterruptsStopTheAnswerOrEmptyTheLine) {
  const ScratchFolder folder;
  const std::string file = (folder / "talk.json").string();
  write_file(folder / "t.jinja", "{{ messages[0].content }}");
  // A model that says the same for ever.
  Terminal chat("quern-chat",
                {"-m", std::string(QUERN_TEST_DATA_DIR) + "/models/llama.gguf", "--template",
                 (folder / "t.jinja").string(), "--temp", "0", "--n-ctx", "60000", "-n", "60000", "-t", "1"});
  const std::string begin = chat.shown_at_prompt();
  EXPECT_THAT(begin, HasSubstr("/help"));
  if (begin.find(bracketed_paste) == std::string::npos) GTEST_SKIP() << "built without libedit";
  chat.type("not this");
  chat.shown_until("not this");
  chat.type(interrupt);  // a key, not what makes the terminal drop what it has not passed on yet
  chat.shown_until("> ");
  chat.type("ab\r");
  chat.shown_until("ab\r\n");
  chat.shown_until(" and");  // it begins to answer
  chat.type(interrupt);
  const std::string answer = chat.shown_until("[stopped]");
  EXPECT_TRUE(answer.ends_with("[stopped]")) << answer.size();
  chat.shown_at_prompt();
  chat.type("/save " + file + "\r");
  EXPECT_THAT(chat.shown_until("saved in"), HasSubstr("saved in"));
  const nlohmann::json first = nlohmann::json::parse(read_file(file))["messages"][0];
  EXPECT_EQ(first["content"], "ab");
  chat.shown_at_prompt();
  chat.type(end_of_input);
  EXPECT_EQ(chat.end(), 0);
}

TEST(QuernChatTerminal, APasteOfSeveralLinesIsOneMessage) {
  const ScratchFolder folder;
  const std::string file = (folder / "talk.json").string();
  Terminal chat("quern-chat", {"-m", valley_model, "--temp", "0"});
  const std::string begin = chat.shown_at_prompt();
  if (begin.find(bracketed_paste) == std::string::npos) GTEST_SKIP() << "built without libedit";
  chat.type("\x1b[200~Where does\rMira live?\x1b[201~");
  chat.type("\r");
  chat.shown_until("Pellow.");
  chat.shown_at_prompt();
  chat.type("two \\\r");
  chat.type("lines\r");
  chat.shown_at_prompt();
  chat.type("/save " + file + "\r");
  EXPECT_THAT(chat.shown_until("4 messages saved"), HasSubstr("4 messages saved"));
  const nlohmann::json talk = nlohmann::json::parse(read_file(file))["messages"];
  EXPECT_EQ(talk[0]["content"], "Where does\nMira live?");
  EXPECT_EQ(talk[2]["content"], "two \nlines");
  chat.type("/exit\r");
  EXPECT_EQ(chat.end(), 0);
}

TEST(QuernChatTerminal, ReasoningIsShownDimmed) {
  const ScratchFolder folder;
  write_file(folder / "t.jinja",
             "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}<|assistant|>\n"
             "{# </think> #}<think>");
  Terminal chat("quern-chat",
                {"-m", valley_model, "--temp", "0", "--template", (folder / "t.jinja").string()});
  chat.shown_at_prompt();
  chat.type("Where does Mira live?\r");
  chat.shown_until("live?");
  const std::string answer = chat.shown_at_prompt();
  EXPECT_THAT(answer, testing::MatchesRegex("(.|\n)*\x1b\\[2m[a-zA-Z][^\x1b]*\x1b\\[0m(.|\n)*"));
  chat.type(end_of_input);
  EXPECT_EQ(chat.end(), 0);
}

}  // namespace
}  // namespace quern::test
