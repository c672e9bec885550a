#pragma once
// Texts that are read whole: each is evaluated in one pass, beside as many others as there is room for, and
// sees only itself. Nothing is padded.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "quern/result.h"
#include "quern/token.h"
#include "src/runtime/evaluator.h"

namespace quern::detail {

struct WholeTextOptions {
  std::size_t n_ctx = 0;    ///< tokens in the longest text; 0: what the model was trained for
  int threads = 0;          ///< 0: as many as this process may really use
  std::size_t batch = 512;  ///< tokens evaluated together; a longer text is a pass of its own
  std::uint64_t bytes_worth_a_thread = default_bytes_worth_a_thread;
};

/// One thread at a time. The vectors depend on each text alone, not on its neighbours, the batch, the threads
/// or the instruction set. Memory: the scratch of the larger of batch and the longest text so far, and during
/// a pass the keys and values of its texts in one layer, for a layer's are not needed once the next one
/// begins.
class WholeTexts {
 public:
  static Result<WholeTexts> create(std::shared_ptr<const LoadedModel> model, const WholeTextOptions& options);

  using Texts = std::span<const std::vector<Token>>;
  /// Hands out the texts' vectors in their order: those of texts [begin, begin + n), as Evaluator::embed()
  /// makes them, valid during the call. Errors: invalid_argument, context_full, cancelled, out_of_memory.
  using OnVectors = std::function<void(std::size_t begin, std::size_t n, std::span<const float> vectors)>;
  Result<void> embed(Texts texts, Pooling pooling, const OnVectors& on_vectors, std::stop_token stop = {});

  std::size_t n_ctx() const { return options_.n_ctx; }
  std::uint64_t memory_bytes() const { return evaluator_->n_bytes() + kv_bytes_; }

 private:
  WholeTexts(std::shared_ptr<const LoadedModel> model, const WholeTextOptions& options)
      : model_(std::move(model)), options_(options) {}
  Result<void> make_room(std::size_t n_rows);

  std::shared_ptr<const LoadedModel> model_;
  WholeTextOptions options_;
  std::optional<Evaluator> evaluator_;
  std::uint64_t kv_bytes_ = 0;  // of the largest pass so far
};

}  // namespace quern::detail
