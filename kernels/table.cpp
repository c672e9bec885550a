// The row's KernelTable.
#include "kernels/functions.h"

namespace quern::kernels::QUERN_ISA {

extern const KernelTable table;
constinit const KernelTable table = {
    .isa = QUERN_ISA_NAME,
    .quantize = quantize,
    .matmul_scratch_bytes = matmul_scratch_bytes,
    .matmul = matmul,
    .attention_scratch_bytes = attention_scratch_bytes,
    .attend = attend,
    .attention_record_floats = attention_record_floats,
    .attend_span = attend_span,
    .join_spans = join_spans,
    .store_kv = store_kv,
    .store_key = store_key,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .l2_norm = l2_norm,
    .rope = rope,
    .add = add,
    .mul = mul,
    .scale = scale,
    .scale_add = scale_add,
    .clamp = clamp,
    .soft_cap = soft_cap,
    .silu = silu,
    .gelu = gelu,
    .relu = relu,
    .sigmoid = sigmoid,
    .silu_mul = silu_mul,
    .gelu_mul = gelu_mul,
    .swiglu_clamped = swiglu_clamped,
    .exp = exp,
    .softplus = softplus,
    .softmax = softmax,
    .causal_conv = causal_conv,
    .state_space = state_space,
    .delta_net = delta_net,
    .logits = &logit_kernels,
};

}  // namespace quern::kernels::QUERN_ISA
