// CUDA entry of stochastic_round_: one thread a group of eight elements, the same bits as on the
// CPU.

#include <torch/library.h>

#include "../device.cuh"
#include "../philox/philox.h"
#include "sample_round_arguments.h"

namespace anneal::sample_round {

namespace {

using namespace device;

__global__ void round_kernel(const float* from, uint16_t* to, Stream stream, int64_t count,
                             bool aligned) {
  for (int64_t group = first_index(); group * kGroup < count; group += index_stride()) {
    const int64_t at = group * kGroup, left = count - at;
    const philox::Block words =
        philox::block(stream.seed, kDomain, stream.offset, static_cast<uint64_t>(group));
    const auto wide = read_pack<kGroup>(from + at, left, aligned);
    Pack<uint16_t, kGroup> narrow;
    for (int i = 0; i < kGroup; ++i)
      narrow.at[i] = to_bfloat16_stochastic(wide.at[i], words.word[i / 2] >> (i % 2 * 16));
    write_pack(to + at, narrow, left, aligned);
  }
}

at::Tensor& stochastic_round_cuda(at::Tensor& out, const at::Tensor& in, int64_t seed,
                                  int64_t offset) {
  const c10::cuda::CUDAGuard guard(out.device());
  const Stream stream = check_arguments(out, in, seed, offset);
  const int64_t count = in.numel();
  if (count == 0) return out;
  const float* from = in.const_data_ptr<float>();
  uint16_t* to = static_cast<uint16_t*>(out.mutable_data_ptr());
  round_kernel<<<blocks_for(count, kThreads * kGroup), kThreads, 0,
                 c10::cuda::getCurrentCUDAStream()>>>(from, to, stream, count,
                                                      are_aligned({from, to}));
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("stochastic_round_", TORCH_FN(stochastic_round_cuda));
}

} // namespace anneal::sample_round
