// Schema and CPU entry of anneal::stochastic_round_.

#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>

#include "../isa.h"
#include "sample_round_arguments.h"

namespace anneal::sample_round {

namespace {

at::Tensor& stochastic_round_cpu(at::Tensor& out, const at::Tensor& in, int64_t seed,
                                 int64_t offset) {
  const Stream stream = check_arguments(out, in, seed, offset);
  const float* from = in.const_data_ptr<float>();
  uint16_t* to = static_cast<uint16_t*>(out.mutable_data_ptr());
  const int64_t count = in.numel();
  Loop* const round = ANNEAL_CHOOSE(round);
  constexpr int64_t grain = 1 << 11; // groups: about 10 µs of work
  at::parallel_for(0, (count + kGroup - 1) / kGroup, grain, [&](int64_t begin, int64_t end) {
    round(from, to, stream, begin * kGroup, std::min(end * kGroup, count) - begin * kGroup);
  });
  return out;
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  m.def(kSchema);
}
TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("stochastic_round_", TORCH_FN(stochastic_round_cpu));
}

} // namespace anneal::sample_round
