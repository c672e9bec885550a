#pragma once
// The functions of one row of the instruction-set table, which table.cpp collects into its KernelTable.
#include "kernels/kernel_table.h"

namespace quern::kernels::QUERN_ISA {

extern const LogitKernels logit_kernels;

void quantize(ActivationKind kind, const float* x, std::size_t x_stride, std::size_t n_tokens,
              std::size_t n_cols, std::int8_t* codes, float* scales, std::int16_t* sums);

std::size_t matmul_scratch_bytes(formats::TensorType type, std::size_t n_cols);
void matmul(const WeightView& w, std::size_t row_begin, std::size_t row_end, const Activations& acts,
            const std::uint32_t* tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
            std::byte* scratch);

std::size_t attention_scratch_bytes(std::size_t k_dim, std::size_t v_dim);
void attend(const KvHead& kv, const AttentionQuery* queries, std::size_t n_queries, std::byte* scratch);
std::size_t attention_record_floats(std::size_t v_dim);
void attend_span(const KvHead& kv, const AttentionQuery* queries, std::size_t n_queries, std::int64_t span,
                 float* records, std::byte* scratch);
void join_spans(std::size_t v_dim, const AttentionQuery* queries, std::size_t n_queries,
                const SpanRecords& spans);
void store_kv(KvType type, const float* x, std::size_t n, std::byte* row);
void store_key(KvType type, const float* x, std::size_t n, std::byte* block, std::size_t position);

void rms_norm(const float* x, const float* weight, std::size_t n, float eps, float* y);
void layer_norm(const float* x, const float* weight, const float* bias, std::size_t n, float eps, float* y);
void rope(float* head, const float* cos_sin, std::size_t n_rot, RopeKind kind);
void l2_norm(const float* x, std::size_t n, float eps, float* y);
void softmax(const float* x, std::size_t n, float* y);

void causal_conv(const CausalConv& conv);
void state_space(const StateSpaceHead& head);
void delta_net(const DeltaHead& head);

void add(const float* a, const float* b, std::size_t n, float* y);
void mul(const float* a, const float* b, std::size_t n, float* y);
void scale(const float* x, float factor, std::size_t n, float* y);
void scale_add(const float* x, float factor, const float* b, std::size_t n, float* y);
void clamp(const float* x, float low, float high, std::size_t n, float* y);
void soft_cap(const float* x, float cap, std::size_t n, float* y);
void silu(const float* x, std::size_t n, float* y);
void gelu(const float* x, std::size_t n, float* y);
void relu(const float* x, std::size_t n, float* y);
void sigmoid(const float* x, std::size_t n, float* y);
void exp(const float* x, std::size_t n, float* y);
void softplus(const float* x, std::size_t n, float* y);
void silu_mul(const float* gate, const float* up, std::size_t n, float* y);
void gelu_mul(const float* gate, const float* up, std::size_t n, float* y);
void swiglu_clamped(const float* gate, const float* up, std::size_t n, float* y);

}  // namespace quern::kernels::QUERN_ISA
