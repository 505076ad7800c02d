// One tape at a time: recorded while setGrad(true), consumed by one grad().

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "exports.h"

namespace anneal {

// setGrad(on) → what it was before. The tape is off at start (module.cc).
napi_value set_grad(Call& call) {
  napi_value before;
  check(napi_get_boolean(call.env, at::GradMode::is_enabled(), &before), "a boolean");
  at::GradMode::set_enabled(call.boolean(0));
  return before;
}

// leaf(tensor) → an alias of it without history, whose gradient will be asked for.
napi_value leaf(Call& call) {
  return call.handle_of(call.tensor(0).detach().requires_grad_(true));
}

// grad(outputs, inputs, seeds: (handle | null)[]) → (handle | null)[]. A null seed is one, for an
// output of one element. A null gradient is an input that no output depends on.
napi_value grad(Call& call) {
  std::vector<at::Tensor> lists[3];
  for (size_t i = 0; i < 3; ++i) {
    // Handle 0 is never given out: JavaScript passes it for "no tensor".
    for (const Handle handle : call.handle_list(i)) {
      lists[i].push_back(handle == 0 ? at::Tensor() : call.environment.handles.at(handle));
    }
  }
  const std::vector<at::Tensor> gradients = torch::autograd::grad(
      lists[0], lists[1], lists[2], /*retain_graph=*/false, /*create_graph=*/false,
      /*allow_unused=*/true);
  napi_value array;
  check(napi_create_array_with_length(call.env, gradients.size(), &array), "an array");
  for (size_t i = 0; i < gradients.size(); ++i) {
    napi_value value;
    if (gradients[i].defined()) {
      value = call.handle_of(gradients[i]);
    } else {
      check(napi_get_null(call.env, &value), "null");
    }
    check(napi_set_element(call.env, array, static_cast<uint32_t>(i), value), "an array");
  }
  return array;
}

} // namespace anneal
