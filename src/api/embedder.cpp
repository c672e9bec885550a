#include "quern/embedding.h"

#include <algorithm>
#include <cmath>

#include "formats/try.h"
#include "src/api/edge.h"
#include "src/api/model_impl.h"
#include "src/api/text_framer.h"
#include "src/runtime/whole_texts.h"

namespace quern {

using formats::cat;

namespace {

constexpr float least_length = 1e-12f;  // that a vector is divided by

Pooling public_pooling(detail::Pooling pooling) {
  switch (pooling) {
    case detail::Pooling::mean: return Pooling::mean;
    case detail::Pooling::cls: return Pooling::cls;
    case detail::Pooling::last: return Pooling::last;
    case detail::Pooling::rank: return Pooling::rank;
    case detail::Pooling::none: break;
  }
  return Pooling::declared;
}

// What `asked` means for this model.
Result<detail::Pooling> resolve_pooling(const detail::ModelSpec& spec, Pooling asked) {
  switch (asked) {
    case Pooling::mean: return detail::Pooling::mean;
    case Pooling::cls: return detail::Pooling::cls;
    case Pooling::last: return detail::Pooling::last;
    case Pooling::rank:
      if (!spec.embedding.rank.empty()) return detail::Pooling::rank;
      return Error{ErrorCode::unsupported,
                   "the model cannot rank: it has neither tensor 'cls.weight' nor 'cls.output.weight'",
                   "pooling"};
    case Pooling::declared: {
      const auto& declared = spec.embedding.pooling;
      if (declared && *declared != detail::Pooling::none) return *declared;
      const std::string key = cat(spec.architecture, ".pooling_type");
      return Error{ErrorCode::unsupported,
                   cat("key '", key, "' is ", declared ? "0 (none)" : "absent",
                       ": the model does not say how its vectors are made, so the pooling has to be given"),
                   key};
    }
  }
  return Error{ErrorCode::invalid_argument, cat("pooling is ", static_cast<int>(asked)), "pooling"};
}

std::size_t width(const detail::ModelSpec& spec, detail::Pooling pooling) {
  const auto& layers = pooling == detail::Pooling::rank ? spec.embedding.rank : spec.embedding.dense;
  return static_cast<std::size_t>(layers.empty() ? spec.dim : layers.back().matrix.n_rows);
}

Result<void> check_finite(std::span<const float> vector, std::size_t text) {
  for (const float value : vector) {
    if (std::isfinite(value)) continue;
    const bool nan = std::isnan(value);
    return Error{nan ? ErrorCode::nan_logit : ErrorCode::infinite_logit,
                 cat("the vector of text ", text, " holds ", nan ? "NaN" : "infinity"), "texts"};
  }
  return {};
}

}  // namespace

/// One thread at a time.
struct Embedder::Impl {
  std::shared_ptr<const detail::ModelImpl> model;
  detail::WholeTexts reader;
  detail::Pooling pooling;

  const detail::ModelSpec& spec() const { return model->loaded->spec(); }
  detail::TextFramer framer(const EmbedOptions& options) const {
    return {*model->tokenizer.impl(), reader.n_ctx(), options.truncate};
  }
  Result<void> require_vectors() const;
  Result<void> require_scores() const;
  /// What the file puts around a query and a document; empty: nothing of its own.
  Result<std::string_view> pair_form() const;
  Result<Embeddings> run(std::span<const std::vector<Token>> texts, const EmbedOptions& options);
};

Embedder::Embedder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Embedder::Embedder(Embedder&&) noexcept = default;
Embedder& Embedder::operator=(Embedder&&) noexcept = default;
Embedder::~Embedder() = default;

Result<void> Embedder::Impl::require_vectors() const {
  if (pooling != detail::Pooling::rank) return {};
  return Error{ErrorCode::unsupported,
               "the model ranks documents beside a query and makes no vectors of texts", "pooling"};
}

Result<void> Embedder::Impl::require_scores() const {
  if (pooling == detail::Pooling::rank) return {};
  return Error{
      ErrorCode::unsupported,
      cat("the model makes vectors (pooling ", to_string(public_pooling(pooling)), ") and no scores"),
      "pooling"};
}

Result<std::string_view> Embedder::Impl::pair_form() const {
  constexpr std::string_view key = "tokenizer.chat_template.rerank";
  QUERN_TRY(const std::string_view form, model->loaded->file().metadata().string_or(key, ""));
  if (form.empty() || form.find("{document}") != form.npos) return form;
  return Error{ErrorCode::corrupt, cat("key '", key, "' has no place for a {document}"), std::string(key)};
}

Result<Embeddings> Embedder::Impl::run(std::span<const std::vector<Token>> texts,
                                       const EmbedOptions& options) {
  const kernels::KernelTable& kernels = model->loaded->kernels();
  const bool normalize = options.normalize && pooling != detail::Pooling::rank;
  Embeddings out{.dim = width(spec(), pooling)};
  out.values.reserve(texts.size() * out.dim);
  Result<void> finite;
  const auto keep = [&](std::size_t begin, std::size_t n, std::span<const float> vectors) {
    for (std::size_t i = 0; i < n; ++i) {
      const auto vector = vectors.subspan(i * out.dim, out.dim);
      if (finite) finite = check_finite(vector, begin + i);
      out.values.insert(out.values.end(), vector.begin(), vector.end());
      float* row = out.values.data() + (begin + i) * out.dim;
      if (normalize) kernels.l2_norm(row, out.dim, least_length, row);
    }
    if (options.progress)
      detail::call_user(options.progress, static_cast<double>(begin + n) / static_cast<double>(texts.size()));
  };
  QUERN_CHECK(reader.embed(texts, pooling, keep, options.stop));
  QUERN_CHECK(finite);
  return out;
}

Result<Embeddings> Embedder::embed(std::span<const std::string_view> texts, const EmbedOptions& options) {
  return detail::at_edge([&]() -> Result<Embeddings> {
    QUERN_CHECK(impl_->require_vectors());
    std::vector<std::vector<Token>> tokens(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      QUERN_TRY(tokens[i], impl_->framer(options).text(texts[i]));
    }
    return impl_->run(tokens, options);
  });
}

Result<Embeddings> Embedder::embed_tokens(std::span<const std::vector<Token>> texts,
                                          const EmbedOptions& options) {
  return detail::at_edge([&]() -> Result<Embeddings> {
    QUERN_CHECK(impl_->require_vectors());
    if (!options.truncate) return impl_->run(texts, options);
    std::vector<std::vector<Token>> cut(texts.begin(), texts.end());
    for (auto& tokens : cut) tokens.resize(std::min(tokens.size(), impl_->reader.n_ctx()));
    return impl_->run(cut, options);
  });
}

Result<std::vector<float>> Embedder::rank(std::string_view query, std::span<const std::string_view> documents,
                                          const EmbedOptions& options) {
  return detail::at_edge([&]() -> Result<std::vector<float>> {
    QUERN_CHECK(impl_->require_scores());
    QUERN_TRY(const std::string_view form, impl_->pair_form());
    std::vector<std::vector<Token>> pairs(documents.size());
    for (std::size_t i = 0; i < documents.size(); ++i) {
      QUERN_TRY(pairs[i], impl_->framer(options).pair(form, query, documents[i]));
    }
    QUERN_TRY(const Embeddings labels, impl_->run(pairs, options));
    std::vector<float> scores(labels.size());
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = labels[i][0];
    return scores;
  });
}

Pooling Embedder::pooling() const { return public_pooling(impl_->pooling); }
int Embedder::dim() const { return static_cast<int>(width(impl_->spec(), impl_->pooling)); }
int Embedder::n_ctx() const { return static_cast<int>(impl_->reader.n_ctx()); }
std::uint64_t Embedder::memory_bytes() const { return impl_->reader.memory_bytes(); }

Result<Embedder> Model::new_embedder(const EmbedderOptions& options) const {
  return detail::at_edge([&]() -> Result<Embedder> {
    QUERN_CHECK(detail::require_at_least(options.n_ctx, 0, "n_ctx"));
    QUERN_CHECK(detail::require_at_least(options.batch, 1, "batch"));
    if (!impl_->loaded->spec().encoder.empty())
      return Error{ErrorCode::unsupported,
                   "the model answers to texts (it has a decoder) and makes no vectors",
                   "general.architecture"};
    QUERN_TRY(const detail::Pooling pooling, resolve_pooling(impl_->loaded->spec(), options.pooling));
    QUERN_TRY(detail::WholeTexts reader,
              detail::WholeTexts::create(impl_->loaded, {.n_ctx = static_cast<std::size_t>(options.n_ctx),
                                                         .threads = options.threads,
                                                         .batch = static_cast<std::size_t>(options.batch)}));
    return Embedder(std::unique_ptr<Embedder::Impl>(new Embedder::Impl{impl_, std::move(reader), pooling}));
  });
}

float cosine_similarity(std::span<const float> a, std::span<const float> b) noexcept {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += double(a[i]) * b[i];
    aa += double(a[i]) * a[i];
    bb += double(b[i]) * b[i];
  }
  return aa == 0 || bb == 0 ? 0.0f : static_cast<float>(dot / (std::sqrt(aa) * std::sqrt(bb)));
}

const char* to_string(Pooling pooling) noexcept {
  switch (pooling) {
    case Pooling::declared: return "declared";
    case Pooling::mean: return "mean";
    case Pooling::cls: return "cls";
    case Pooling::last: return "last";
    case Pooling::rank: return "rank";
  }
  return "unknown";
}

}  // namespace quern
