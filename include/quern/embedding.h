#pragma once
/// embedding.h: texts to vectors whose directions tell how near their meanings are, and documents ranked by
/// how well they answer a query.
///
///   quern::Embedder embedder = model.new_embedder().value();
///   const std::string_view texts[] = {"a stone that grinds", "flour and bran"};
///   quern::Embeddings vectors = embedder.embed(texts).value();
///   float nearness = quern::cosine_similarity(vectors[0], vectors[1]);
///
///   std::vector<float> scores = reranker.rank("How is flour made?", texts).value();   // a model that ranks
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "quern/export.h"
#include "quern/model.h"
#include "quern/result.h"
#include "quern/token.h"

namespace quern {

struct EmbedOptions {
  /// Scale every vector to unit length. Off: as the model makes it. Scores of rank() are never scaled.
  bool normalize = true;
  /// Cut a text that is longer than Embedder::n_ctx(), keeping its beginning and the tokens that the
  /// vocabulary puts around it; of a query and a document it is the document that is cut. Off: such a text is
  /// an error.
  bool truncate = false;
  /// Fraction of the texts done, 0 to 1. What it throws passes through.
  std::function<void(double)> progress = {};
  /// Checked between layers. Being stopped is the error cancelled.
  std::stop_token stop = {};
};

/// Vectors in the order of their texts.
struct Embeddings {
  std::size_t dim = 0;
  std::vector<float> values = {};  ///< [size(), dim]

  std::size_t size() const { return dim == 0 ? 0 : values.size() / dim; }
  /// Requires: i < size(). Valid as long as the Embeddings.
  std::span<const float> operator[](std::size_t i) const { return std::span(values).subspan(i * dim, dim); }
};

/// Reads whole texts, many in one pass and none padded. A text's vector depends on the text alone: the bits
/// are the same in any company, with any number of threads, on any instruction set. One thread at a time;
/// embedders run independently of each other and keep what they need of the model alive.
///
/// Errors of all calls: invalid_argument (an empty text, a token outside the vocabulary; nothing of a text is
/// a token), context_full (a text that is too long, named by its number), cancelled, out_of_memory, nan_logit
/// and infinite_logit from a broken model.
class QUERN_API Embedder {
 public:
  Embedder(Embedder&&) noexcept;
  Embedder& operator=(Embedder&&) noexcept;
  ~Embedder();

  /// Error unsupported for a model that ranks.
  Result<Embeddings> embed(std::span<const std::string_view> texts, const EmbedOptions& options = {});
  /// The same for texts in tokens, which stand for themselves: nothing is added to them.
  Result<Embeddings> embed_tokens(std::span<const std::vector<Token>> texts,
                                  const EmbedOptions& options = {});

  /// How well each document answers the query, more is better; what the numbers mean is the model's affair.
  /// Of a model with several labels it is the first one's. Error unsupported for a model that does not rank.
  Result<std::vector<float>> rank(std::string_view query, std::span<const std::string_view> documents,
                                  const EmbedOptions& options = {});

  Pooling pooling() const;  ///< never `declared`
  int dim() const;          ///< of a vector; of a model that ranks, its labels
  int n_ctx() const;        ///< tokens of the longest text
  /// What the embedder has taken so far, in bytes; longer texts than before take more.
  std::uint64_t memory_bytes() const;

 private:
  struct Impl;
  explicit Embedder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  friend class Model;
};

/// Of the angle between two vectors: 1 for the same direction, 0 for nothing in common, also where one of
/// them is zero. Requires: a.size() == b.size().
QUERN_API float cosine_similarity(std::span<const float> a, std::span<const float> b) noexcept;

}  // namespace quern
