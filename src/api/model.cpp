#include "quern/model.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "formats/try.h"
#include "quern/session.h"
#include "src/api/about_file.h"
#include "src/api/edge.h"
#include "src/api/model_impl.h"
#include "src/api/session_impl.h"
#include "src/runtime/memory_plan.h"
#include "src/tokenizer/tokenizer_impl.h"

namespace quern {
namespace {

using formats::cat;
using formats::ModelFile;
using Access = formats::ModelFileOptions::Access;

Result<detail::SequenceOptions> sequence_options(const SessionOptions& options) {
  QUERN_CHECK(detail::require_at_least(options.n_ctx, 0, "n_ctx"));
  QUERN_CHECK(detail::require_at_least(options.threads, 0, "threads"));
  QUERN_CHECK(detail::require_at_least(options.batch, 1, "batch"));
  detail::SequenceOptions result{.n_ctx = static_cast<std::size_t>(options.n_ctx),
                                 .threads = options.threads,
                                 .batch = static_cast<std::size_t>(options.batch)};
  switch (options.kv_type) {
    case KvType::f32: result.kv_type = kernels::KvType::f32; return result;
    case KvType::f16: result.kv_type = kernels::KvType::f16; return result;
    case KvType::bf16: result.kv_type = kernels::KvType::bf16; return result;
    case KvType::q8_0: result.kv_type = kernels::KvType::q8_0; return result;
  }
  return Error{ErrorCode::invalid_argument, cat("kv_type is ", static_cast<int>(options.kv_type)), "kv_type"};
}

/// Shares of the tensor bytes by type, largest first.
std::string described_types(std::span<const formats::Tensor> tensors) {
  std::map<std::string_view, std::uint64_t> bytes;
  std::uint64_t total = 0;
  for (const formats::Tensor& tensor : tensors) {
    bytes[formats::tensor_type_info(tensor.type).name] += tensor.n_bytes;
    total += tensor.n_bytes;
  }
  std::vector<std::pair<std::uint64_t, std::string_view>> sorted;
  for (const auto& [name, n] : bytes) sorted.emplace_back(n, name);
  std::ranges::sort(sorted, std::greater());
  std::string out;
  for (const auto& [n, name] : sorted) {
    const double percent = 100.0 * static_cast<double>(n) / static_cast<double>(total);
    out += cat(out.empty() ? "" : ", ", name,
               percent < 1 ? " under 1" : cat(" ", static_cast<int>(percent + 0.5)), "%");
  }
  return out;
}

ModelInfo describe(const detail::LoadedModel& model) {
  const ModelFile& file = model.file();
  const detail::ModelSpec& spec = model.spec();
  ModelInfo info;
  if (const auto* name = file.metadata().find("general.name"))
    if (const auto* text = std::get_if<std::string_view>(&name->value)) info.name = *text;
  info.architecture = spec.architecture;
  info.types = described_types(file.tensors());
  for (const formats::Tensor& tensor : file.tensors()) info.n_parameters += tensor.n_elements();
  info.file_bytes = file.file_bytes();
  info.n_layers = static_cast<int>(spec.n_layers);
  info.dim = static_cast<int>(spec.dim);
  for (const detail::LayerSpec& layer : spec.layers) {
    if (const auto* attention = std::get_if<detail::AttentionSpec>(&layer.mixer);
        attention && info.n_heads == 0) {
      info.n_heads = static_cast<int>(attention->n_heads);
      info.n_kv_heads = static_cast<int>(attention->n_kv_heads);
      info.head_dim = static_cast<int>(attention->k_dim);
    }
    if (const auto* experts = std::get_if<detail::ExpertsSpec>(&layer.ffn); experts && info.n_experts == 0) {
      info.n_experts = static_cast<int>(experts->n_experts);
      info.n_experts_used = static_cast<int>(experts->n_used);
    }
  }
  if (!spec.encoder.empty()) info.decoder_start = spec.decoder_start;
  info.n_vocab = static_cast<int>(spec.n_vocab);
  info.n_ctx_train = static_cast<int>(spec.n_ctx_train);
  info.n_image_tensors = static_cast<int>(spec.n_image_tensors);
  info.isa = model.kernels().isa;
  info.arithmetic = model.uses_blas() ? Arithmetic::fastest : Arithmetic::reproducible;
  info.mapped = file.mapped();
  return info;
}

Result<Tokenizer> load_tokenizer(const ModelFile& file, std::uint32_t n_vocab) {
  // Tokens without an embedding are there only to stand for images (see SpecBuilder::embedding()).
  QUERN_TRY(auto impl, detail::TokenizerImpl::load(file.metadata(), n_vocab));
  return Tokenizer(std::move(impl));
}

/// What samplers need to know. The callbacks hold the tokenizer, so the vocabulary outlives everything else.
Result<SamplerVocabulary> sampler_vocabulary(const ModelFile& file, const Tokenizer& tokenizer,
                                             std::uint32_t n_vocab) {
  SamplerVocabulary vocabulary{.n_vocab = static_cast<int>(n_vocab), .n_tokens = tokenizer.n_vocab()};
  for (Token token = 0; token < tokenizer.n_vocab(); ++token)
    if (tokenizer.is_end_of_generation(token)) vocabulary.end_tokens.push_back(token);
  constexpr std::string_view suppress_key = "tokenizer.ggml.suppress_tokens";
  if (file.metadata().has(suppress_key)) {
    QUERN_TRY(const std::vector<std::int64_t> suppressed, file.metadata().integers(suppress_key));
    for (const std::int64_t token : suppressed)
      if (token >= 0 && token < tokenizer.n_vocab())
        vocabulary.suppressed.push_back(static_cast<Token>(token));
  }
  vocabulary.text = [impl = tokenizer.impl()](Token token) { return impl->piece(token, /*special=*/true); };
  vocabulary.encode = [impl = tokenizer.impl()](std::string_view text) {
    auto tokens = impl->encode(text, /*add_special=*/false, /*parse_special=*/false);
    return tokens ? *std::move(tokens) : std::vector<Token>();
  };
  vocabulary.breaker_cache = new_breaker_cache();
  return vocabulary;
}

Result<std::shared_ptr<const detail::ModelImpl>> with_vocabulary(
    std::shared_ptr<const detail::LoadedModel> loaded) {
  QUERN_TRY(Tokenizer tokenizer, load_tokenizer(loaded->file(), loaded->n_vocab()));
  QUERN_TRY(SamplerVocabulary vocabulary, sampler_vocabulary(loaded->file(), tokenizer, loaded->n_vocab()));
  auto model =
      std::make_shared<detail::ModelImpl>(std::move(loaded), std::move(tokenizer), std::move(vocabulary));
  model->info = describe(*model->loaded);
  return std::shared_ptr<const detail::ModelImpl>(std::move(model));
}

Result<std::shared_ptr<const detail::ModelImpl>> open_model(const std::filesystem::path& gguf,
                                                            const OpenOptions& options) {
  detail::LoadOptions load{.isa = options.isa,
                           .may_use_blas = options.arithmetic == Arithmetic::fastest,
                           .access = options.map ? Access::map : Access::read};
  load.stop = options.stop;
  if (options.progress)
    load.progress = [&](double fraction) { detail::call_user(options.progress, fraction); };
  QUERN_TRY(auto loaded, detail::LoadedModel::open(gguf, load));
  return with_vocabulary(std::move(loaded));
}

Result<Plan> plan_of(const ModelFile& file, const std::filesystem::path& path, const SessionOptions& session,
                     const OpenOptions& options) {
  QUERN_TRY(const detail::SequenceOptions sequence, sequence_options(session));
  QUERN_TRY(const kernels::KernelTable* table, detail::find_kernels(options.isa));
  QUERN_TRY(const detail::ModelSpec spec, detail::about_file(detail::read_model_spec(file), path));
  QUERN_TRY(const Tokenizer tokenizer, detail::about_file(load_tokenizer(file, spec.n_vocab), path));
  QUERN_CHECK(detail::about_file(sampler_vocabulary(file, tokenizer, spec.n_vocab), path));
  QUERN_TRY(const detail::MemoryPlan memory, detail::plan_memory(spec, sequence, *table));
  return Plan{.weight_bytes = memory.weight_bytes,
              .private_weight_bytes = memory.private_weight_bytes,
              .kv_bytes = memory.kv_bytes,
              .scratch_bytes = memory.scratch_bytes,
              .vocabulary_bytes = file.memory_bytes() + tokenizer.impl()->memory_bytes(),
              .bytes_read_per_token = memory.bytes_read_per_token,
              .n_ctx = static_cast<int>(memory.n_ctx)};
}

}  // namespace

Result<Model> Model::open(const std::filesystem::path& gguf, const OpenOptions& options) {
  return detail::at_edge([&]() -> Result<Model> {
    QUERN_TRY(auto impl, detail::about_file(open_model(gguf, options), gguf));
    return Model(std::move(impl));
  });
}

Result<Model> Model::open(std::span<const std::byte> gguf, const OpenOptions& options) {
  return detail::at_edge([&]() -> Result<Model> {
    if (options.stop.stop_requested())
      return Error{ErrorCode::cancelled, "stopped while opening the model", ""};
    QUERN_TRY(ModelFile file, ModelFile::from_bytes(gguf));
    QUERN_TRY(auto loaded, detail::LoadedModel::from_file(std::move(file), options.isa,
                                                          options.arithmetic == Arithmetic::fastest));
    QUERN_TRY(auto impl, with_vocabulary(std::move(loaded)));
    return Model(std::move(impl));
  });
}

Result<Plan> Model::plan(const std::filesystem::path& gguf, const SessionOptions& session,
                         const OpenOptions& options) {
  return detail::at_edge([&]() -> Result<Plan> {
    QUERN_TRY(const ModelFile file,
              ModelFile::open(gguf, {.access = Access::header_only, .stop = options.stop}));
    return plan_of(file, gguf, session, options);
  });
}

Result<Plan> Model::plan(std::span<const std::byte> gguf, const SessionOptions& session,
                         const OpenOptions& options) {
  return detail::at_edge([&]() -> Result<Plan> {
    QUERN_TRY(const ModelFile file, ModelFile::from_bytes(gguf));
    return plan_of(file, {}, session, options);
  });
}

Result<Session> Model::new_session(const SessionOptions& options) const {
  return detail::at_edge([&]() -> Result<Session> {
    QUERN_TRY(const detail::SequenceOptions sequence_opts, sequence_options(options));
    QUERN_TRY(detail::Sequence sequence, detail::Sequence::create(impl_->loaded, sequence_opts));
    return Session(std::make_unique<detail::SessionImpl>(impl_, std::move(sequence), sequence_opts.batch));
  });
}

Tokenizer Model::tokenizer() const { return impl_->tokenizer; }
const ModelInfo& Model::info() const { return impl_->info; }

std::span<const std::string_view> available_isas() noexcept {
  struct Names {
    std::array<std::string_view, 16> names;
    std::size_t n = 0;
  };
  static const Names known = [] {
    Names all;
    const kernels::KernelTables tables = kernels::runnable_tables();
    for (; all.n < std::min(tables.size, all.names.size()); ++all.n)
      all.names[all.n] = tables.tables[all.n]->isa;
    return all;
  }();
  return {known.names.data(), known.n};
}

}  // namespace quern
