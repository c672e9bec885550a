#pragma once
// A model ready to run: the file, the spec made from it, and the kernels that this process uses.
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "formats/model_file.h"
#include "kernels/kernel_table.h"
#include "quern/result.h"
#include "src/architectures/model_spec.h"

namespace quern::detail {

struct LoadOptions {
  std::string isa = {};       ///< empty: the best that this CPU has
  bool may_use_blas = false;  ///< Arithmetic::fastest
  formats::ModelFileOptions::Access access = formats::ModelFileOptions::Access::map;
  std::function<void(double)> progress = {};
  std::stop_token stop = {};
};

/// Never changed after it was made; safe from any number of threads.
class LoadedModel {
 public:
  static Result<std::shared_ptr<const LoadedModel>> open(const std::filesystem::path& gguf,
                                                         const LoadOptions& options = {});
  /// The same for a file that is already open (not header_only).
  static Result<std::shared_ptr<const LoadedModel>> from_file(formats::ModelFile file,
                                                              std::string_view isa = {},
                                                              bool may_use_blas = false);

  const formats::ModelFile& file() const { return file_; }
  const ModelSpec& spec() const { return spec_; }
  const kernels::KernelTable& kernels() const { return *kernels_; }
  /// Whether products of many tokens are OpenBLAS's: asked for, and quicker than the kernels.
  bool uses_blas() const { return uses_blas_; }
  std::uint32_t n_vocab() const { return spec_.n_vocab; }
  /// Vectors of the spec as floats.
  const float* values(const Vector& vector) const { return vectors_.data() + vector.begin; }
  std::span<const float> vector_memory() const { return vectors_; }

 private:
  LoadedModel(formats::ModelFile file, ModelSpec spec, const kernels::KernelTable* kernels)
      : file_(std::move(file)), spec_(std::move(spec)), kernels_(kernels) {}
  formats::ModelFile file_;
  ModelSpec spec_;
  const kernels::KernelTable* kernels_;
  bool uses_blas_ = false;
  std::vector<float> vectors_;
};

/// The table of that name, the best one for an empty name; an unknown or unavailable name is an error that
/// lists what there is.
Result<const kernels::KernelTable*> find_kernels(std::string_view isa);

}  // namespace quern::detail
