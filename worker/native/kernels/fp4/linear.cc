// fp4_linear_group of fp4.h: forward, backward, the tape.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/util/accumulate.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "fp4.h"
#include "products.h"

namespace anneal::fp4 {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Biases = c10::List<std::optional<Tensor>>;

// Of draws.
enum Site : int64_t { kErrorOfInput = 0, kErrorOfWeight = 1, kWeight = 2, kInput = 3 };

Tensor flat(const Tensor& t) {
  return t.reshape({c10::multiply_integers(t.sizes().slice(0, t.dim() - 1)), t.size(-1)});
}

Tensor like(const Tensor& rows, const Tensor& shape) {
  auto sizes = shape.sizes().vec();
  sizes.back() = rows.size(1);
  return rows.view(sizes);
}

// What a job chooses, and how many layers there are.
struct Settings {
  int64_t format, signs, members;

  // Of x for G, in the forward: MXFP4 makes it of the codes of F.
  How for_weight() const { return rotated(true, std::nullopt, 0); }
  How error_of_weight(int64_t key) const { return rotated(true, key, kErrorOfWeight); }
  How error_of_input(int64_t key) const {
    How how = rotated(false, key, kErrorOfInput);
    if (format == kNVFP4) how.signs.reset();
    return how;
  }
  How again(int64_t key, int64_t site) const { return rotated(true, key, site); }

  How rotated(bool columns, std::optional<int64_t> key, int64_t site) const {
    How how;
    how.columns = columns;
    how.signs = signs;
    how.key = key;
    how.site = site;
    return how;
  }
};

// A layer's part of the gradient of x.
Pair of_input(const Settings& s, const Tensor& dy, const Codes& weight, int64_t inputs, int64_t key) {
  const Codes error = quantize(dy, s.format, s.error_of_input(key));
  const Operand seen = operand(weight, inputs);
  // Without a rotation zeros that continue the errors meet nothing.
  if (s.format == kNVFP4) return {operand(error, dy.size(1)), seen};
  const Operand turned = operand(quantize(seen.values, s.format, s.again(key, kWeight)));
  return {operand(error), {turned.values.t(), turned.scale}};
}

struct GroupFunction : torch::autograd::Function<GroupFunction> {
  // inputs: x, then weights, codes, scales and tensor scales of the members, then the biases that
  // are there.
  static variable_list forward(AutogradContext* context, at::TensorList inputs, std::vector<int64_t> settings,
                               std::vector<int64_t> biased, std::vector<int64_t> keys) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const Settings s = settings_of(settings);
    const Tensor& x = inputs[0];
    const bool into_x = x.requires_grad();
    std::vector<int64_t> into_weights, into_biases, types;
    bool any = false;
    for (int64_t i = 0; i < s.members; ++i) {
      const Tensor& weight = inputs[1 + i];
      into_weights.push_back(weight.requires_grad());
      any = any || into_weights.back();
      types.push_back(static_cast<int64_t>(weight.scalar_type()));
    }
    for (size_t i = 1 + 4 * s.members; i < inputs.size(); ++i) into_biases.push_back(inputs[i].requires_grad());
    const Codes codes = quantize(flat(x), s.format, {});
    auto ys = outputs(s, codes, inputs, biased);
    Codes kept;
    if (any) kept = s.format == kNVFP4 ? quantize(flat(x), s.format, s.for_weight()) : codes;
    variable_list saved{kept.values, kept.scales, kept.tensor_scale};
    for (int64_t i = 0; i < s.members; ++i)
      for (int64_t part = 1; part < 4; ++part) saved.push_back(into_x ? inputs[1 + part * s.members + i] : Tensor());
    context->save_for_backward(std::move(saved));
    context->set_materialize_grads(false);
    context->saved_data["settings"] = settings;
    context->saved_data["biased"] = biased;
    context->saved_data["keys"] = keys;
    context->saved_data["into_x"] = into_x;
    context->saved_data["into_weights"] = into_weights;
    context->saved_data["into_biases"] = into_biases;
    context->saved_data["types"] = types;
    context->saved_data["columns"] = x.size(-1);
    return ys;
  }

  static variable_list backward(AutogradContext* context, const variable_list& dys) {
    const Settings s = settings_of(context->saved_data["settings"].toIntVector());
    const auto biased = context->saved_data["biased"].toIntVector();
    const auto keys = context->saved_data["keys"].toIntVector();
    const auto into_weights = context->saved_data["into_weights"].toIntVector();
    const auto into_biases = context->saved_data["into_biases"].toIntVector();
    const auto types = context->saved_data["types"].toIntVector();
    const bool into_x = context->saved_data["into_x"].toBool();
    const int64_t columns = context->saved_data["columns"].toInt();
    const auto saved = context->get_saved_variables();
    variable_list out(1 + 4 * s.members + into_biases.size() + 3);
    const auto used = std::find_if(dys.begin(), dys.end(), [](const Tensor& t) { return t.defined(); });
    if (used == dys.end()) return out;
    Codes x{saved[0], saved[1], saved[2]};
    if (x.values.defined() && s.format == kMXFP4)
      x = quantize(operand(x, columns).values, s.format, s.again(keys[0], kInput));
    const Operand read = x.values.defined() ? operand(x) : Operand();
    std::vector<Pair> pairs;
    size_t bias = 0;
    for (int64_t i = 0; i < s.members; ++i) {
      const size_t at = bias;
      bias += biased[i] != 0;
      if (!dys[i].defined()) continue;
      const Tensor dy = flat(dys[i]);
      const auto type = static_cast<at::ScalarType>(types[i]);
      if (into_weights[i])
        out[1 + i] = times_turned(operand(quantize(dy, s.format, s.error_of_weight(keys[i]))), read, Tensor(), type);
      if (biased[i] && into_biases[at]) out[1 + 4 * s.members + at] = dy.sum(0, false, type);
      if (into_x)
        pairs.push_back(of_input(s, dy, {saved[3 + 3 * i], saved[4 + 3 * i], saved[5 + 3 * i]}, columns, keys[i]));
    }
    if (into_x) out[0] = like(sum_of(pairs, used->scalar_type()), *used);
    return out;
  }

  static Settings settings_of(const std::vector<int64_t>& v) { return {v[0], v[1], v[2]}; }

  static std::vector<Tensor> outputs(const Settings& s, const Codes& x, at::TensorList inputs,
                                     const std::vector<int64_t>& biased) {
    const Operand read = operand(x);
    std::vector<Tensor> ys;
    size_t next = 1 + 4 * s.members;
    for (int64_t i = 0; i < s.members; ++i) {
      const Codes weight{inputs[1 + s.members + i], inputs[1 + 2 * s.members + i], inputs[1 + 3 * s.members + i]};
      const Tensor y = times_turned(read, operand(weight), biased[i] ? inputs[next++] : Tensor(), inputs[0].scalar_type());
      ys.push_back(like(y, inputs[0]));
    }
    return ys;
  }
};

template <bool tape>
std::vector<Tensor> group(const Tensor& x, at::TensorList weights, at::TensorList codes, at::TensorList scales,
                          at::TensorList tensor_scales, const Biases& biases, int64_t format, int64_t signs,
                          at::IntArrayRef keys) {
  const size_t members = weights.size();
  TORCH_CHECK(members > 0, "weights is empty; a group has at least one member");
  TORCH_CHECK(codes.size() == members && scales.size() == members && tensor_scales.size() == members &&
                  biases.size() == members && keys.size() == members,
              "codes, scales, tensor scales, biases and keys have ", codes.size(), ", ", scales.size(), ", ",
              tensor_scales.size(), ", ", biases.size(), " and ", keys.size(), " members; each must have one a weight: ", members);
  TORCH_CHECK(format == kNVFP4 || format == kMXFP4, "format is ", format, "; it must be 1 (NVFP4) or 2 (MXFP4)");
  TORCH_CHECK(x.dim() >= 1, "x has the shape ", x.sizes(), "; it must have at least one dimension");
  for (size_t i = 0; i < members; ++i) {
    TORCH_CHECK(weights[i].dim() == 2 && weights[i].size(1) == x.size(-1), "a weight has the shape ", weights[i].sizes(),
                "; it must be [outputs, ", x.size(-1), "], the last dimension of x");
    TORCH_CHECK(codes[i].size(0) == weights[i].size(0), "a weight has the shape ", weights[i].sizes(), " and its codes ",
                codes[i].sizes(), "; they must have as many rows");
  }
  variable_list inputs{x};
  for (const auto& list : {weights, codes, scales, tensor_scales}) inputs.insert(inputs.end(), list.begin(), list.end());
  std::vector<int64_t> biased;
  for (const std::optional<Tensor>& bias : biases) {
    biased.push_back(bias.has_value());
    if (bias) inputs.push_back(*bias);
  }
  const std::vector<int64_t> settings{format, signs, static_cast<int64_t>(members)};
  const bool taped = tape && at::GradMode::is_enabled() &&
                     std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) { return t.requires_grad(); });
  if (taped) return GroupFunction::apply(at::TensorList(inputs), settings, biased, keys.vec());
  const at::AutoDispatchBelowADInplaceOrView below;
  const Settings s = GroupFunction::settings_of(settings);
  return GroupFunction::outputs(s, quantize(flat(x), format, {}), inputs, biased);
}

}  // namespace

TORCH_LIBRARY_IMPL(anneal, Autograd, m) { m.impl("fp4_linear_group", TORCH_FN(group<true>)); }
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) { m.impl("fp4_linear_group", TORCH_FN(group<false>)); }

}  // namespace anneal::fp4
