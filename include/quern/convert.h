#pragma once
/// convert.h: from a Hugging Face folder to a GGUF file.
///
///   auto report = quern::convert("SmolLM2-135M-Instruct", "smollm2.gguf").value();
///
/// The folder holds config.json, the weights as safetensors (one file, or shards with their index),
/// tokenizer.json and, where the model has them, tokenizer_config.json, chat_template.jinja,
/// generation_config.json, and modules.json with the folders that it lists. Weights go through in pieces of a
/// few MiB, whatever the size of the model, and the file appears whole or not at all.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "quern/export.h"
#include "quern/result.h"

namespace quern {

/// How matrices are written. Norms, biases, routers and tables of positions are always F32.
enum class ConvertType {
  as_is,  ///< as the checkpoint has them: F16, BF16 or F32 (F64 becomes F32)
  f32,
  f16,  ///< values beyond 65504 are an error that names the tensor
  bf16,
  q8_0,  ///< rows whose length is no multiple of 32 are F16
};

struct ConvertOptions {
  ConvertType type = ConvertType::as_is;
  /// How text is cut before byte-pair merging: a value of tokenizer.ggml.pre. Empty: found by comparing
  /// tokenizer.json with the tokenizers that Quern knows; where none of them fits, the error says so.
  std::string pre = {};
  /// Fraction written, 0 to 1, on the calling thread. What it throws passes through convert().
  std::function<void(double)> progress = {};
  /// When triggered, convert() gives ErrorCode::cancelled and leaves no file.
  std::stop_token stop = {};
};

/// What was written.
struct ConvertReport {
  std::string architecture = {};  ///< "llama"
  std::uint64_t n_tensors = 0;
  std::uint64_t n_parameters = 0;  ///< numbers in them
  std::uint64_t file_bytes = 0;
  std::vector<std::string> notes = {};  ///< one line each: where the GGUF file says less than the folder did
};

/// Errors: io; corrupt for files that break their format or contradict each other; unsupported for a family,
/// a switch in config.json, a tokenizer or a tensor that Quern does not know: nothing is left out in silence;
/// cancelled; invalid_argument for an unknown `pre`.
QUERN_API Result<ConvertReport> convert(const std::filesystem::path& folder,
                                        const std::filesystem::path& gguf,
                                        const ConvertOptions& options = {});

}  // namespace quern
