// Schema and CPU entry of anneal::adamw8bit_.

#include <ATen/Parallel.h>
#include <torch/library.h>

#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "../isa.h"
#include "adamw8bit_arguments.h"

namespace anneal::adamw8bit {

namespace {

// The table of a map, made once a process: a job uses two.
const Finder& finder_of(const at::Tensor& map, const char* name) {
  TORCH_CHECK(map.scalar_type() == at::kFloat && map.numel() == 256 && map.is_contiguous(), name,
              " is ", map.scalar_type(), " ", map.sizes(), "; it must be float32 [256]");
  static std::mutex mutex;
  static std::vector<std::unique_ptr<Finder>> made;
  const float* values = map.const_data_ptr<float>();
  const std::lock_guard<std::mutex> lock(mutex);
  for (const auto& finder : made)
    if (std::memcmp(finder->map, values, sizeof finder->map) == 0)
      return *finder;
  auto finder = std::make_unique<Finder>();
  make_finder(values, *finder);
  made.push_back(std::move(finder));
  return *made.back();
}

void adamw8bit_cpu(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& m_codes,
                   const at::Tensor& m_absmax, const at::Tensor& v_codes,
                   const at::Tensor& v_absmax, const at::Tensor& map_signed,
                   const at::Tensor& map_unsigned, double lr, double beta1, double beta2,
                   double eps, double weight_decay, int64_t step, double grad_scale,
                   std::optional<int64_t> rounding_key) {
  Arrays arrays = check_arguments(param, grad, m_codes, m_absmax, v_codes, v_absmax);
  arrays.m_finder = &finder_of(map_signed, "map_signed");
  arrays.v_finder = &finder_of(map_unsigned, "map_unsigned");
  const Factors factors =
      factors_of({lr, beta1, beta2, eps, weight_decay, step, grad_scale, rounding_key});
  Loop* const update = ANNEAL_CHOOSE(update);
  constexpr int64_t grain = 32; // blocks: about 20 µs of work
  at::parallel_for(0, m_absmax.numel(), grain,
                   [&](int64_t begin, int64_t end) { update(arrays, factors, begin, end); });
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  m.def(kSchema);
}
TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("adamw8bit_", TORCH_FN(adamw8bit_cpu));
}

} // namespace anneal::adamw8bit
