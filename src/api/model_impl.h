#pragma once
// What a Model holds; its sessions share it.
#include <memory>
#include <utility>

#include "quern/model.h"
#include "quern/sampling.h"
#include "src/runtime/loaded_model.h"

namespace quern::detail {

/// Never changed after it was made; safe from any number of threads.
struct ModelImpl {
  ModelImpl(std::shared_ptr<const LoadedModel> weights, Tokenizer text, SamplerVocabulary sampling)
      : loaded(std::move(weights)), tokenizer(std::move(text)), vocabulary(std::move(sampling)) {}

  std::shared_ptr<const LoadedModel> loaded;
  Tokenizer tokenizer;
  SamplerVocabulary vocabulary;
  ModelInfo info{};
};

}  // namespace quern::detail
