#pragma once
/// session.h: one sequence of tokens, what the model has read and written, and the way to go on from there.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "quern/export.h"
#include "quern/model.h"
#include "quern/result.h"
#include "quern/sampling.h"
#include "quern/token.h"

namespace quern {

/// Receives each new piece of text, always whole UTF-8 characters, never part of a stop string. Return false
/// to finish early. What it throws passes through generate(), and the session stays at the last whole token.
using OnText = std::function<bool(std::string_view)>;

/// Receives the logits after token i of what was fed, ModelInfo::n_vocab of them, valid during the call. What
/// it throws passes through, and the session holds what it held before.
using OnLogits = std::function<void(std::size_t i, std::span<const float> logits)>;

/// How to write, and whom to tell.
struct GenerateOptions {
  /// At most this many new tokens; the context's end stops too.
  int max_tokens = 256;
  /// End before any of these; they are not part of the text.
  std::vector<std::string> stop_at = {};
  SamplerOptions sampler = {};
  /// Begin an empty session with the tokens that the vocabulary asks for.
  bool add_special = true;
  /// Read names of control tokens inside the prompt as those tokens (see EncodeOptions::parse_special).
  bool parse_special = false;
  /// Pass control tokens on as text instead of leaving them out.
  bool show_special = false;
  /// Each token as it is chosen, with its log-probabilities as SamplerOptions asks for them.
  std::function<void(const Sampled&)> on_token = {};
  /// Fraction of the prompt read, 0 to 1.
  std::function<void(double)> progress = {};
  /// Checked between layers, while reading the prompt too. Being stopped is a result, not an error.
  std::stop_token stop = {};
};

enum class Finish {
  end_of_text,  ///< the model chose an end token; it is not part of the text
  stop_string,
  max_tokens,
  context_full,
  callback,  ///< OnText returned false
  cancelled,
};
QUERN_API const char* to_string(Finish finish) noexcept;

/// What generate() has written.
struct Generation {
  std::string text;  ///< all that OnText was given, without the stop string
  /// Tokens of the prompt, without what the session held before; tokens chosen, an end token among them.
  int prompt_tokens = 0, new_tokens = 0;
  Finish finish = Finish::end_of_text;
  std::string stop_string;    ///< the one that was met, for Finish::stop_string
  std::uint64_t seed = 0;     ///< what was used; give it again for the same text
  double prompt_ms = 0;       ///< to read the prompt
  double first_token_ms = 0;  ///< from the call to the first token
  double generate_ms = 0;     ///< from the first token to the last
};

/// One conversation: what it has read and its keys and values. One thread at a time; sessions run
/// independently of each other. Movable, not copyable; a session that was moved from can only be assigned to
/// or destroyed.
///
///   session.generate("Name three grains.", options, on_text);      // reads, then writes
///   session.generate(" And three mills?", options, on_text);       // goes on from there
///   session.truncate(0);                                           // begins anew, memory kept
class QUERN_API Session {
 public:
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// Reads `prompt` after what the session holds, then writes until a Finish. The session then holds all of
  /// it, text, stop string and end token included, and can go on from there; with an empty prompt it writes
  /// on where it stopped, and reads the rest first where reading was cancelled. Errors: context_full for a
  /// prompt that the context has no room for (it is never cut); invalid_argument; nan_logit and
  /// infinite_logit from a broken model. Before the first token is read nothing changes; later the session
  /// holds the prompt and every token chosen so far. With a model that has an encoder the prompt is a source
  /// (see read_source()), and what is written answers to it alone.
  Result<Generation> generate(std::string_view prompt, const GenerateOptions& options = {},
                              const OnText& on_text = {});
  /// The same for a prompt in tokens.
  Result<Generation> generate(std::span<const Token> prompt, const GenerateOptions& options = {},
                              const OnText& on_text = {});

  /// One step lower, for a sampler of your own: reads tokens after what the session holds and gives the
  /// logits after the last one, ModelInfo::n_vocab of them, valid until the next non-const call. Without
  /// tokens: the logits after the last one it holds. After an error (being stopped is one here) the session
  /// holds what it held before.
  Result<std::span<const float>> feed(std::span<const Token> tokens, std::stop_token stop = {});
  /// The same, with the logits after every token: on_logits(i, logits) for each i < tokens.size(), in order.
  Result<void> feed_each(std::span<const Token> tokens, const OnLogits& on_logits, std::stop_token stop = {});

  /// Of a model with an encoder (t5; ModelInfo::decoder_start): reads the text that the session answers to,
  /// whole, in place of an earlier one. The session then holds no tokens; what is fed next begins with
  /// decoder_start. Errors: unsupported for other models; invalid_argument, context_full, cancelled,
  /// out_of_memory, after which the session holds what it held before.
  Result<void> read_source(std::span<const Token> tokens, std::stop_token stop = {});

  /// All it holds, in order; valid until the next non-const call.
  std::span<const Token> tokens() const;
  int n_ctx() const;  ///< the most tokens that it can hold
  /// Forgets all but the first n tokens. Error invalid_argument if it holds fewer.
  Result<void> truncate(std::size_t n);
  /// What the session has taken, in bytes: keys and values, and scratch.
  std::uint64_t memory_bytes() const;

 private:
  explicit Session(std::unique_ptr<detail::SessionImpl> impl);
  std::unique_ptr<detail::SessionImpl> impl_;
  friend class Batch;
  friend class Model;
};

}  // namespace quern
