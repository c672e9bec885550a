#include "kernels/weights.h"

namespace quern::kernels::QUERN_ISA {

const WeightType* find_weight_type(formats::TensorType type) {
  const WeightTypes families[] = {plain_weight_types(), k_quant_weight_types(), i_quant_weight_types()};
  for (const WeightTypes& family : families)
    for (std::size_t i = 0; i < family.size; ++i)
      if (family.types[i].type == type) return family.types + i;
  return nullptr;
}

}  // namespace quern::kernels::QUERN_ISA
