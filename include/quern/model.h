#pragma once
/// model.h: a model file and the memory it needs. Session (session.h) is where text is made.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "quern/export.h"
#include "quern/result.h"
#include "quern/token.h"
#include "quern/tokenizer.h"

namespace quern {

class Batch;
class Embedder;
class Session;
class ChatTemplate;

enum class Arithmetic {
  reproducible,  ///< the same bits on every machine, with any number of threads and any batch
  fastest,  ///< other bits where that is quicker, with QUERN_OPENBLAS; ModelInfo says whether it is in use
};

/// How keys and values are kept. Smaller is quicker over long contexts and a little less exact.
enum class KvType { f32, f16, bf16, q8_0 };

/// How to open a model.
struct OpenOptions {
  /// "amx", "avx512vnni", "avx512", "avxvnni", "avx2", "neon-i8mm", "neon-dotprod", "neon" or "generic";
  /// empty: the best that this CPU has. One it lacks is an error. The first model opened asks Linux, once for
  /// the process, for the tile registers of AMX where the CPU has them; where that is refused, "amx" is
  /// lacking.
  std::string isa = {};
  Arithmetic arithmetic = Arithmetic::reproducible;
  /// Map the file: it opens in milliseconds, is shared between processes and costs no second copy. Off: read
  /// it into private memory, for files that may change or vanish while they are in use.
  bool map = true;
  /// Fraction loaded, 0 to 1, on the calling thread. What it throws passes through open().
  std::function<void(double)> progress = {};
  /// When triggered, open() gives ErrorCode::cancelled.
  std::stop_token stop = {};
};

/// How large a session is.
struct SessionOptions {
  /// Positions to have room for; 0: as many as the model was trained for (ModelInfo::n_ctx_train). More is
  /// given where it is asked for, though few models write sense there; a model with learned positions has no
  /// more of them, which is an error.
  int n_ctx = 0;
  KvType kv_type = KvType::f16;
  /// Threads to compute with; 0: as many as this process may really use.
  int threads = 0;
  /// Tokens of a prompt evaluated together; more is quicker and takes more memory. The result is the same.
  int batch = 512;
};

struct BatchOptions {
  /// Sessions that can be evaluated together.
  int max_sessions = 8;
  /// Tokens of all sessions evaluated together, as in SessionOptions.
  int batch = 512;
  /// Threads to compute with; 0: as many as this process may really use.
  int threads = 0;
};

/// How the hidden states of a text's tokens become one vector.
enum class Pooling {
  declared,  ///< as the model's file says
  mean,      ///< of all tokens, special ones too
  cls,       ///< the first token's
  last,      ///< the last token's
  rank,      ///< scores by the layers of a model that ranks
};
QUERN_API const char* to_string(Pooling pooling) noexcept;

struct EmbedderOptions {
  /// A file that declares none, as those of plain decoders do, needs one here.
  Pooling pooling = Pooling::declared;
  /// Tokens of the longest text; 0: as many as the model was trained for. A model with learned positions has
  /// no more of them. A text is read in one pass, so the limit is 65536 tokens.
  int n_ctx = 0;
  /// Tokens of all texts that are evaluated together; a longer text is evaluated alone. The result is the
  /// same.
  int batch = 512;
  /// Threads to compute with; 0: as many as this process may really use.
  int threads = 0;
};

/// Memory in bytes, known from the file's header alone.
struct Plan {
  /// Tensor data: mapped (shared, reclaimable) unless OpenOptions::map is off.
  std::uint64_t weight_bytes = 0;
  std::uint64_t private_weight_bytes = 0;  ///< weights that are converted or copied into private memory
  std::uint64_t kv_bytes = 0;              ///< keys and values for n_ctx positions
  std::uint64_t scratch_bytes = 0;         ///< activations, logits and tables of one session
  std::uint64_t vocabulary_bytes = 0;      ///< tokenizer and metadata
  std::uint64_t total_bytes() const {
    return weight_bytes + private_weight_bytes + kv_bytes + scratch_bytes + vocabulary_bytes;
  }
  /// Weights read to generate one token; bandwidth over this bounds speed.
  std::uint64_t bytes_read_per_token = 0;
  int n_ctx = 0;  ///< the context length that was planned for
};

/// What a model is, and how it runs here.
struct ModelInfo {
  std::string name;          ///< as the file calls itself; may be empty
  std::string architecture;  ///< "llama", "qwen3"...
  std::string types;         ///< of the weights by bytes, most first: "Q4_K 80%, Q6_K 19%, F32 1%"
  std::uint64_t n_parameters = 0;
  std::uint64_t file_bytes = 0;
  int n_layers = 0;
  int dim = 0;                                    ///< width of the residual stream
  int n_heads = 0, n_kv_heads = 0, head_dim = 0;  ///< of the first attention layer
  int n_vocab = 0;                                ///< rows of logits; may exceed the tokenizer's tokens
  int n_ctx_train = 0;                            ///< tokens of the contexts it was trained on
  int n_experts = 0, n_experts_used = 0;          ///< of each layer, and for each token; 0: it is dense
  /// Tensors of a part that reads images. They are not used: text goes in, and comes out as without them.
  int n_image_tensors = 0;
  /// Of models with an encoder, which answer to a source (Session::read_source()): what answers begin with.
  std::optional<Token> decoder_start = {};
  std::string isa;                                   ///< the kernels in use
  Arithmetic arithmetic = Arithmetic::reproducible;  ///< what is really in use
  bool mapped = false;                               ///< the weights lie in the mapped file
};

namespace detail {
struct ModelImpl;
struct SessionImpl;
}  // namespace detail

/// Weights and vocabulary, never changed after open(). Cheap to copy; const calls are safe from any thread.
/// Sessions keep what they need alive, so a Model may go first.
class QUERN_API Model {
 public:
  /// Makes every check that open() and new_session() make, touches no weights, and says what both will take.
  /// Of a model that only reads whole texts: what an Embedder takes for a text of SessionOptions::n_ctx
  /// tokens.
  static Result<Plan> plan(const std::filesystem::path& gguf, const SessionOptions& session = {},
                           const OpenOptions& options = {});
  /// The same for a file that is in memory already.
  static Result<Plan> plan(std::span<const std::byte> gguf, const SessionOptions& session = {},
                           const OpenOptions& options = {});
  /// Errors: io, corrupt, unsupported, cancelled, out_of_memory; invalid_argument for an `isa` that is not
  /// there.
  static Result<Model> open(const std::filesystem::path& gguf, const OpenOptions& options = {});
  /// The same for a file that is in memory already, as a resource of the program, say: it is used where it
  /// lies, so the bytes must stay as they are while the Model or anything made from it lives. Not for split
  /// files. OpenOptions::map and progress have no meaning here.
  static Result<Model> open(std::span<const std::byte> gguf, const OpenOptions& options = {});

  /// Takes the memory of a context. Errors: invalid_argument, unsupported for a model that only reads whole
  /// texts, out_of_memory.
  Result<Session> new_session(const SessionOptions& options = {}) const;
  /// To evaluate several sessions together (batch.h). Errors: invalid_argument, out_of_memory.
  Result<Batch> new_batch(const BatchOptions& options = {}) const;
  /// For vectors of texts, and for ranking them (embedding.h). Errors: unsupported (a pooling that the model
  /// does not have, or none declared), invalid_argument, out_of_memory.
  Result<Embedder> new_embedder(const EmbedderOptions& options = {}) const;
  /// Its vocabulary.
  Tokenizer tokenizer() const;
  /// How conversations are written for this model (chat.h). `variant` as in ChatTemplate::open(). Error
  /// no_template if its file does not say, bad_template; the model can be used without.
  Result<ChatTemplate> chat_template(std::string_view variant = {}) const;
  /// Valid as long as a copy of the Model lives.
  const ModelInfo& info() const;

 private:
  explicit Model(std::shared_ptr<const detail::ModelImpl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const detail::ModelImpl> impl_;
};

/// The kernels that this build and this CPU can run, best first; the last is "scalar", plain C++ ("generic"
/// is another name of it).
QUERN_API std::span<const std::string_view> available_isas() noexcept;

}  // namespace quern
