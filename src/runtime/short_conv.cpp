// Short convolution (ShortConvSpec).
#include "src/runtime/recurrence.h"

namespace quern::detail {

void short_conv(Pass& pass, Worker& worker, const ShortConvSpec& spec, std::size_t layer,
                float* out) noexcept {
  const Scratch& s = pass.scratch;
  const kernels::KernelTable& k = pass.kernels();
  const std::size_t n_channels = spec.conv.n_channels, stride = 3 * n_channels;  // of rows [b, c, x]
  multiply(pass, worker, spec.in, s.mixer_in, pass.n_tokens(), s.conv_in);
  for_each_channel(pass, worker, n_channels, [&](const Run& run, std::size_t begin, std::size_t end) {
    const std::size_t first = run.first_row, last = first + run.n_rows, n = end - begin;
    for (std::size_t t = first; t < last; ++t) {
      float* b = s.conv_in + t * stride + begin;
      k.mul(b, b + 2 * n_channels, n, b);
    }
    const KvCache::State state = run.cache->state(layer, run.first_position);
    convolve(pass, spec.conv, run, state, begin, end, s.conv_in, stride, s.head_out, n_channels);
    for (std::size_t t = first; t < last; ++t) {
      float* y = s.head_out + t * n_channels + begin;
      k.mul(y, s.conv_in + t * stride + n_channels + begin, n, y);
    }
  });
  pack_and_multiply(pass, worker, spec.out, s.head_out, out);
}

}  // namespace quern::detail
