#include "src/runtime/loaded_model.h"

#include <algorithm>
#include <new>

#include "formats/try.h"
#include "src/runtime/blas.h"

namespace quern::detail {
namespace {

using formats::cat;

void read_vector(const formats::Tensor& tensor, float* out) {
  const formats::TensorTypeInfo& type = formats::tensor_type_info(tensor.type);
  type.decode(tensor.data, static_cast<std::size_t>(tensor.n_elements() / type.block_elements), out);
}

// Divisors of rotary frequencies are the only vectors whose values could do harm.
Result<void> check_divisors(const float* divisors, const Vector& vector, std::string_view name) {
  for (std::size_t i = 0; i < vector.size; ++i) {
    if (divisors[i] >= min_rope_divisor && divisors[i] <= max_rope_divisor) continue;
    return Error{ErrorCode::corrupt,
                 cat("tensor '", name, "' holds ", divisors[i], " at ", i, ", expected 2^-10 to 2^20"),
                 std::string(name)};
  }
  return {};
}

}  // namespace

Result<const kernels::KernelTable*> find_kernels(std::string_view isa) {
  const kernels::KernelTables runnable = kernels::runnable_tables();
  const std::string name(isa);
  const kernels::KernelTable* table = name.empty() ? runnable.tables[0] : kernels::find_table(name.c_str());
  if (table) return table;
  std::string names;
  for (std::size_t i = 0; i < runnable.size; ++i) names += cat(i == 0 ? "" : ", ", runnable.tables[i]->isa);
  return Error{ErrorCode::invalid_argument,
               cat("isa is '", isa, "', but this build and processor offer ", names), "isa"};
}

Result<std::shared_ptr<const LoadedModel>> LoadedModel::open(const std::filesystem::path& gguf,
                                                             const LoadOptions& options) {
  QUERN_TRY(formats::ModelFile file,
            formats::ModelFile::open(
                gguf, {.access = options.access, .progress = options.progress, .stop = options.stop}));
  return from_file(std::move(file), options.isa, options.may_use_blas);
}

Result<std::shared_ptr<const LoadedModel>> LoadedModel::from_file(formats::ModelFile file,
                                                                  std::string_view isa,
                                                                  bool may_use_blas) try {
  QUERN_TRY(const kernels::KernelTable* kernels, find_kernels(isa));
  QUERN_TRY(ModelSpec spec, read_model_spec(file));
  auto model = std::shared_ptr<LoadedModel>(new LoadedModel(std::move(file), std::move(spec), kernels));
  model->uses_blas_ = may_use_blas && blas_is_quicker_than(*kernels);
  model->vectors_.resize(model->spec_.n_vector_floats);
  float* out = model->vectors_.data();
  for (const formats::Tensor* tensor : model->spec_.vectors) {
    read_vector(*tensor, out);
    out += tensor->n_elements();
  }
  for (const RopeSpec& rope : model->spec_.ropes) {
    QUERN_CHECK(check_divisors(model->values(rope.factors), rope.factors, "rope_freqs.weight"));
    QUERN_CHECK(
        check_divisors(model->values(rope.long_factors), rope.long_factors, "rope_factors_long.weight"));
    QUERN_CHECK(
        check_divisors(model->values(rope.short_factors), rope.short_factors, "rope_factors_short.weight"));
  }
  return std::shared_ptr<const LoadedModel>(std::move(model));
} catch (const std::bad_alloc&) {
  return Error{ErrorCode::out_of_memory, "no memory for the model's norms and biases", ""};
}

}  // namespace quern::detail
