// Session::generate(): read the prompt, then choose a token, pass its text on, read it, and again.
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "formats/try.h"
#include "src/api/edge.h"
#include "src/api/session_impl.h"
#include "src/api/stop_strings.h"
#include "src/tokenizer/stream_decoder.h"

namespace quern {

using formats::cat;

const char* to_string(Finish finish) noexcept {
  switch (finish) {
    case Finish::end_of_text: return "end_of_text";
    case Finish::stop_string: return "stop_string";
    case Finish::max_tokens: return "max_tokens";
    case Finish::context_full: return "context_full";
    case Finish::callback: return "callback";
    case Finish::cancelled: return "cancelled";
  }
  return "unknown";
}

namespace detail {
namespace {

/// From chosen tokens to the text that the caller sees: whole characters, nothing of a stop string.
class Writer {
 public:
  Writer(StreamDecoder stream, StopStrings stops, const OnText& on_text)
      : stream_(std::move(stream)), stops_(std::move(stops)), on_text_(on_text) {}

  /// Gives the reason to finish, if this token's text is one.
  Result<std::optional<Finish>> write(Token token) {
    QUERN_TRY(const std::string piece, stream_.push(token));
    const bool go_on = pass_on(stops_.push(piece));
    if (stops_.found()) return std::optional(Finish::stop_string);
    return go_on ? std::optional<Finish>() : Finish::callback;
  }
  /// Passes on what was held back. Nothing, once a stop string was met.
  void flush() {
    if (stops_.found()) return;
    std::string rest = stops_.push(stream_.finish());
    if (!stops_.found()) rest += stops_.finish();
    pass_on(std::move(rest));
  }

  const std::string& text() const { return text_; }
  const std::optional<std::string>& stop_string() const { return stops_.found(); }

 private:
  bool pass_on(const std::string& text) {
    if (text.empty()) return true;
    text_ += text;
    return !on_text_ || call_user(on_text_, text);
  }

  StreamDecoder stream_;
  StopStrings stops_;
  const OnText& on_text_;
  std::string text_;
};

class Stopwatch {
 public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Chooses, passes on and reads tokens until there is a reason to finish. `logits` are those after the last
/// token.
Result<Finish> write_text(SessionImpl& session, std::span<const float> logits, Sampler& sampler,
                          Writer& writer, const GenerateOptions& options, const Stopwatch& watch,
                          Generation& done) {
  const Tokenizer& tokenizer = session.model->tokenizer;
  while (true) {
    if (done.new_tokens == options.max_tokens) return Finish::max_tokens;
    if (session.tokens.size() == session.sequence.capacity()) return Finish::context_full;
    if (options.stop.stop_requested()) return Finish::cancelled;
    if (done.new_tokens > 0) {
      auto read = session.read_pending(options.stop);
      if (!read && read.error().code == ErrorCode::cancelled) return Finish::cancelled;
      QUERN_TRY(logits, std::move(read));
    }
    QUERN_TRY(const Sampled chosen, sampler.sample(logits));
    QUERN_CHECK(sampler.accept(chosen.token));
    session.tokens.push_back(chosen.token);
    ++done.new_tokens;
    const double now = watch.ms();
    if (done.new_tokens == 1) done.first_token_ms = now;
    done.generate_ms = now - done.first_token_ms;
    if (options.on_token) call_user(options.on_token, chosen);
    if (tokenizer.is_end_of_generation(chosen.token)) return Finish::end_of_text;
    QUERN_TRY(const std::optional<Finish> finish, writer.write(chosen.token));
    if (finish) return *finish;
  }
}

}  // namespace

Result<Generation> generate(SessionImpl& session, std::span<const Token> prompt,
                            const GenerateOptions& options, const OnText& on_text) {
  const Stopwatch watch;
  if (options.max_tokens < 0)
    return Error{ErrorCode::invalid_argument,
                 cat("max_tokens is ", options.max_tokens, ", expected 0 or more"), "max_tokens"};
  if (prompt.empty() && session.tokens.empty())
    return Error{ErrorCode::invalid_argument,
                 "the prompt holds no tokens, and the session none to go on from", "prompt"};
  QUERN_TRY(StopStrings stops, StopStrings::create(options.stop_at));
  QUERN_TRY(Sampler sampler, Sampler::create(options.sampler, session.model->vocabulary));
  QUERN_CHECK(session.require_readable(prompt));

  session.tokens.insert(session.tokens.end(), prompt.begin(), prompt.end());
  QUERN_CHECK(sampler.start(session.tokens));
  const Tokenizer& tokenizer = session.model->tokenizer;
  // The space that encoding has put before a text goes again only where the text begins here.
  const bool at_start =
      std::ranges::all_of(session.tokens, [&](Token token) { return tokenizer.is_control(token); });
  Writer writer(StreamDecoder(tokenizer.impl(), {.special = options.show_special, .at_start = at_start}),
                std::move(stops), on_text);
  Generation done;
  done.prompt_tokens = static_cast<int>(prompt.size());
  done.seed = sampler.seed();

  auto logits = session.read_pending(options.stop, options.progress);
  done.prompt_ms = watch.ms();
  if (logits) {
    QUERN_TRY(done.finish, write_text(session, *logits, sampler, writer, options, watch, done));
  } else if (logits.error().code == ErrorCode::cancelled) {
    done.finish = Finish::cancelled;
  } else {
    return std::move(logits).error();
  }
  if (done.finish != Finish::callback) writer.flush();
  done.text = writer.text();
  if (writer.stop_string()) {
    done.finish = Finish::stop_string;
    done.stop_string = *writer.stop_string();
  }
  return done;
}

}  // namespace detail
}  // namespace quern
