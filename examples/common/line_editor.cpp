#include "common/line_editor.h"

#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <iostream>
#include <string_view>

#if defined(QUERN_LIBEDIT)
#include <histedit.h>
#include <langinfo.h>
#endif

#if defined(QUERN_LIBEDIT) && defined(__SANITIZE_ADDRESS__)
// libedit copies the names of added functions and never frees them.
extern "C" const char* __lsan_default_suppressions() { return "leak:wcsdup\n"; }
extern "C" const char* __lsan_default_options() { return "print_suppressions=0"; }
#endif

namespace examples {

#if defined(QUERN_LIBEDIT)

struct LineEditor::Library {
  Library() : line(el_init("quern-chat", stdin, stdout, stderr)), history_list(history_init()) {
    HistEvent event;
    history(history_list, &event, H_SETSIZE, 1000);
    el_set(line, EL_CLIENTDATA, this);
    el_set(
        line, EL_PROMPT, +[](EditLine* e) { return of(e)->prompt.data(); });
    el_set(line, EL_EDITOR, "emacs");
    el_set(line, EL_HIST, history, history_list);
    el_set(
        line, EL_ADDFN, "quern-empty", "Empty the line", +[](EditLine* e, int) { return of(e)->empty(); });
    el_set(
        line, EL_ADDFN, "quern-paste", "Take what is pasted",
        +[](EditLine* e, int) { return of(e)->paste(); });
    // While a line is edited Ctrl-C is a key as any other; "-intr", or what the terminal had comes back.
    el_set(line, EL_SETTY, "-d", "intr=", "-intr", nullptr);
    el_set(line, EL_BIND, "^C", "quern-empty", nullptr);
    el_set(line, EL_BIND, "\\e[200~", "quern-paste", nullptr);
    el_set(line, EL_BIND, "\t", "ed-insert", nullptr);  // there is nothing to complete
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    history_end(history_list);
    el_end(line);
  }

  static Library* of(EditLine* line) {
    void* self = nullptr;
    el_get(line, EL_CLIENTDATA, &self);
    return static_cast<Library*>(self);
  }

  unsigned char empty() {
    const LineInfoW* const now = el_wline(line);
    el_cursor(line, static_cast<int>(now->lastchar - now->cursor));
    el_deletestr(line, static_cast<int>(now->lastchar - now->buffer));
    return CC_REFRESH;
  }

  /// The terminal sends ESC[200~, the text, and ESC[201~: newlines in it do not end the line.
  unsigned char paste() {
    constexpr std::wstring_view end = L"\033[201~";
    std::wstring text;
    wchar_t c = 0;
    while (!text.ends_with(end) && el_wgetc(line, &c) == 1) text += c == L'\r' ? L'\n' : c;
    if (text.ends_with(end)) text.resize(text.size() - end.size());
    while (text.ends_with(L'\n')) text.pop_back();
    return el_winsertstr(line, text.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  }

  EditLine* line;
  History* history_list;
  std::string prompt = {};
};

LineEditor::LineEditor() : terminal_(isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) {
  if (!terminal_) return;
  // The characters of the terminal; the text of the library is UTF-8 in any case.
  std::setlocale(LC_CTYPE, "");
  if (std::string_view(nl_langinfo(CODESET)) != "UTF-8") std::setlocale(LC_CTYPE, "C.UTF-8");
  library_ = std::make_unique<Library>();
}

#else

struct LineEditor::Library {};

LineEditor::LineEditor() : terminal_(isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) {}

#endif

LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::read_one(const std::string& prompt) {
#if defined(QUERN_LIBEDIT)
  if (library_ != nullptr) {
    library_->prompt = prompt;
    std::fputs("\x1b[?2004h", stdout);  // mark what is pasted
    int n = 0;
    const char* const text = el_gets(library_->line, &n);
    std::fputs("\x1b[?2004l", stdout);
    std::fflush(stdout);
    if (text == nullptr || n <= 0) return std::nullopt;
    std::string line(text, static_cast<std::size_t>(n));
    HistEvent event;
    if (line != "\n") history(library_->history_list, &event, H_ENTER, line.c_str());
    if (line.ends_with('\n')) line.pop_back();
    return line;
  }
#endif
  if (terminal_) std::fputs(prompt.c_str(), stdout);
  std::fflush(stdout);
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return line;
}

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  std::optional<std::string> text = read_one(prompt);
  while (text && text->ends_with('\\')) {
    text->back() = '\n';
    const auto more = read_one("  ");
    if (!more) break;
    *text += *more;
  }
  return text;
}

}  // namespace examples
