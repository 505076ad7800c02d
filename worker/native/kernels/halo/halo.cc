// halo.h: forward, backward, the tape.

#include "halo.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/util/accumulate.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <tuple>
#include <vector>

#include "../hadamard/rotate.h"
#include "products.h"

namespace anneal::halo {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Biases = c10::List<std::optional<Tensor>>;

// What a job chooses, and how many layers there are.
struct Settings {
  int64_t level, format, reuse, kind, block, members;

  bool rotates() const { return level >= 1; }
  int64_t forward_kind() const { return rotates() ? kind : int64_t{hadamard::kNone}; }
  bool reuses() const { return reuse != 0 || !rotates(); }
  // Of what backward takes from the forward, to be undone.
  int64_t backward_kind() const { return rotates() && reuses() ? kind : int64_t{hadamard::kNone}; }
  bool tokens() const { return level >= 2; }
};

template <class Signature>
auto operation(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

Codes quantize(const Tensor& x, int64_t format, int64_t kind, int64_t block) {
  static const auto op = operation<std::tuple<Tensor, Tensor>(const Tensor&, int64_t, int64_t, int64_t)>(
      "anneal::quantize_rotated");
  auto [values, scale] = op.call(x, format, kind, block);
  return {values, scale};
}

struct Errors {
  Codes plain, mixed;
};
Errors quantize_errors(const Tensor& dy, int64_t format, bool plain, bool mixed, int64_t block) {
  if (plain && mixed && dy.is_cpu() && format != hadamard::kExact) {
    const auto [as_it_is, rotated] = hadamard::quantize_both(dy, format, block);
    return {{as_it_is.codes, as_it_is.scale}, {rotated.codes, rotated.scale}};
  }
  Errors errors;
  if (plain) errors.plain = quantize(dy, format, hadamard::kNone, 0);
  if (mixed) errors.mixed = quantize(dy, format, hadamard::kNone, block);
  return errors;
}

Tensor flat(const Tensor& t) {
  return t.reshape({c10::multiply_integers(t.sizes().slice(0, t.dim() - 1)), t.size(-1)});
}

Tensor like(const Tensor& rows, const Tensor& shape) {
  auto sizes = shape.sizes().vec();
  sizes.back() = rows.size(1);
  return rows.view(sizes);
}

at::ScalarType wide_type(const Tensor& t) { return t.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

// Tokens that are mixed together.
int64_t token_block(int64_t tokens, int64_t most) {
  constexpr uint64_t kFewest = 32, kFilled = 256;
  const uint64_t n = static_cast<uint64_t>(std::max<int64_t>(1, tokens));
  const uint64_t dividing = n & (~n + 1);
  const uint64_t wanted = dividing >= kFewest ? dividing : std::min(kFilled, std::bit_ceil(n));
  return static_cast<int64_t>(std::min(wanted, static_cast<uint64_t>(most)));
}

std::vector<Tensor> forward(const Codes& x, const std::vector<Codes>& weights, const std::vector<Tensor>& biases,
                            const Tensor& shape) {
  std::vector<Tensor> rows, ys;
  for (const Codes& weight : weights) rows.push_back(at::empty({x.values.size(0), weight.values.size(0)}, shape.options()));
  outputs(x, weights, biases, rows);
  for (const Tensor& y : rows) ys.push_back(like(y, shape));
  return ys;
}

// Of those layers whose output has been used.
Tensor gradient_of_input(const Settings& s, const std::vector<Codes>& errors, const std::vector<Codes>& weights, int64_t tokens,
                         const Tensor& dy) {
  std::vector<Codes> used, beside;
  for (int64_t i = 0; i < s.members; ++i) {
    if (!errors[i].values.defined()) continue;
    used.push_back(errors[i]);
    beside.push_back(weights[i]);
  }
  const int64_t block = s.tokens() ? token_block(tokens, s.block) : 0;
  return like(input_gradient(used, beside, tokens, block, s.backward_kind(), dy.scalar_type(), wide_type(dy)), dy);
}

Tensor undefined_or(bool wanted, const Tensor& t) { return wanted ? t : Tensor(); }

struct GroupFunction : torch::autograd::Function<GroupFunction> {
  // inputs: x, then weights, codes, scales of the members, then the biases that are there.
  static variable_list forward(AutogradContext* context, at::TensorList inputs, std::vector<int64_t> settings,
                               std::vector<int64_t> biased) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const Settings s = settings_of(settings);
    const Tensor& x = inputs[0];
    const bool into_x = x.requires_grad();
    std::vector<int64_t> into_weights, into_biases;
    bool any = false;
    for (int64_t i = 0; i < s.members; ++i) {
      into_weights.push_back(inputs[1 + i].requires_grad());
      any = any || into_weights.back();
    }
    for (size_t i = 1 + 3 * s.members; i < inputs.size(); ++i) into_biases.push_back(inputs[i].requires_grad());
    const Tensor rows = flat(x);
    const Codes codes = quantize(rows, s.format, s.forward_kind(), 0);
    auto ys = halo::forward(codes, codes_of(s, inputs), biases_of(s, inputs, biased), x);
    Codes of_g = codes;
    if (any && s.level == 3) of_g = quantize(rows, s.format, s.kind, token_block(rows.size(0), s.block));
    const bool quantized = any && s.reuses(), plain = any && !s.reuses();
    variable_list saved{undefined_or(quantized, of_g.values), undefined_or(quantized, of_g.scale), undefined_or(plain, x)};
    for (int64_t i = 0; i < s.members; ++i) {
      saved.push_back(undefined_or(into_x && s.reuses(), inputs[1 + s.members + i]));
      saved.push_back(undefined_or(into_x && s.reuses(), inputs[1 + 2 * s.members + i]));
      saved.push_back(undefined_or(into_x && !s.reuses(), inputs[1 + i]));
    }
    std::vector<int64_t> types;
    for (int64_t i = 0; i < s.members; ++i) types.push_back(static_cast<int64_t>(inputs[1 + i].scalar_type()));
    context->save_for_backward(std::move(saved));
    context->set_materialize_grads(false);
    context->saved_data["settings"] = settings;
    context->saved_data["biased"] = biased;
    context->saved_data["into_x"] = into_x;
    context->saved_data["into_weights"] = into_weights;
    context->saved_data["into_biases"] = into_biases;
    context->saved_data["types"] = types;
    return ys;
  }

  static variable_list backward(AutogradContext* context, const variable_list& dys) {
    const Settings s = settings_of(context->saved_data["settings"].toIntVector());
    const auto biased = context->saved_data["biased"].toIntVector();
    const auto into_weights = context->saved_data["into_weights"].toIntVector();
    const auto into_biases = context->saved_data["into_biases"].toIntVector();
    const auto types = context->saved_data["types"].toIntVector();
    const bool into_x = context->saved_data["into_x"].toBool();
    const auto saved = context->get_saved_variables();
    variable_list out(1 + 3 * s.members + into_biases.size() + 2);
    const auto used = std::find_if(dys.begin(), dys.end(), [](const Tensor& t) { return t.defined(); });
    if (used == dys.end()) return out;
    Codes x{saved[0], saved[1]};
    if (saved[2].defined()) x = quantize(flat(saved[2]), s.format, hadamard::kNone, 0);
    std::vector<Codes> errors(s.members), weights(s.members);
    int64_t tokens = 0;
    size_t bias = 0;
    for (int64_t i = 0; i < s.members; ++i) {
      const bool has_bias = biased[i] != 0;
      const size_t at = bias;
      bias += has_bias;
      weights[i] = {saved[3 + 3 * i], saved[4 + 3 * i]};
      if (saved[5 + 3 * i].defined()) weights[i] = quantize(saved[5 + 3 * i], s.format, hadamard::kNone, 0);
      if (!dys[i].defined()) continue;
      const Tensor dy = flat(dys[i]);
      tokens = dy.size(0);
      const int64_t block = token_block(tokens, s.block);
      // What G and E take of an error is the same at levels 0, 1 and 3.
      const auto [plain, mixed] = quantize_errors(dy, s.format, s.level <= 1 || (s.level == 2 && into_weights[i]),
                                                  s.level == 3 || (s.level == 2 && into_x), block);
      errors[i] = s.tokens() ? mixed : plain;
      if (into_weights[i])
        out[1 + i] = weight_gradient(s.level == 3 ? mixed : plain, x, s.backward_kind(), static_cast<at::ScalarType>(types[i]));
      if (has_bias && into_biases[at])
        out[1 + 3 * s.members + at] = dy.sum(0, false, static_cast<at::ScalarType>(types[i]));
    }
    if (into_x) out[0] = gradient_of_input(s, errors, weights, tokens, *used);
    return out;
  }

  static Settings settings_of(const std::vector<int64_t>& v) { return {v[0], v[1], v[2], v[3], v[4], v[5]}; }

  static std::vector<Codes> codes_of(const Settings& s, at::TensorList inputs) {
    std::vector<Codes> all;
    for (int64_t i = 0; i < s.members; ++i)
      all.push_back({inputs[1 + s.members + i], inputs[1 + 2 * s.members + i]});
    return all;
  }

  static std::vector<Tensor> biases_of(const Settings& s, at::TensorList inputs, const std::vector<int64_t>& biased) {
    std::vector<Tensor> all;
    size_t next = 1 + 3 * s.members;
    for (int64_t i = 0; i < s.members; ++i) all.push_back(biased[i] ? inputs[next++] : Tensor());
    return all;
  }
};

void check(const Tensor& x, at::TensorList weights, at::TensorList codes, at::TensorList scales, const Biases& biases,
           const Settings& s) {
  const size_t members = weights.size();
  TORCH_CHECK(members > 0, "weights is empty; a group has at least one member");
  TORCH_CHECK(codes.size() == members && scales.size() == members && biases.size() == members, "codes, scales and biases have ",
              codes.size(), ", ", scales.size(), " and ", biases.size(), " members; each must have one a weight: ", members);
  TORCH_CHECK(s.level >= 0 && s.level <= 3, "level is ", s.level, "; it must be 0, 1, 2 or 3");
  TORCH_CHECK(s.reuse || s.level != 3, "level 3 is of what the forward has made; reuse must be true");
  TORCH_CHECK(x.dim() >= 1, "x has the shape ", x.sizes(), "; it must have at least one dimension");
  for (size_t i = 0; i < members; ++i) {
    TORCH_CHECK(codes[i].dim() == 2 && codes[i].size(1) == x.size(-1), "codes have the shape ", codes[i].sizes(),
                "; they must be [outputs, ", x.size(-1), "], the last dimension of x");
    TORCH_CHECK(weights[i].sizes() == codes[i].sizes(), "a weight has the shape ", weights[i].sizes(), " and its codes ",
                codes[i].sizes(), "; they must be the same");
    TORCH_CHECK(scales[i].numel() == 1 && scales[i].scalar_type() == at::kFloat, "a scale is ", scales[i].scalar_type(), " ",
                scales[i].sizes(), "; it must be one float32");
  }
}

template <bool tape>
std::vector<Tensor> group(const Tensor& x, at::TensorList weights, at::TensorList codes, at::TensorList scales,
                          const Biases& biases, int64_t level, int64_t format, bool reuse, int64_t kind, int64_t block) {
  const Settings s{level, format, reuse, kind, block, static_cast<int64_t>(weights.size())};
  check(x, weights, codes, scales, biases, s);
  variable_list inputs{x};
  for (const auto& list : {weights, codes, scales}) inputs.insert(inputs.end(), list.begin(), list.end());
  std::vector<int64_t> biased;
  for (const std::optional<Tensor>& bias : biases) {
    biased.push_back(bias.has_value());
    if (bias) inputs.push_back(*bias);
  }
  const bool taped = tape && at::GradMode::is_enabled() &&
                     std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) { return t.requires_grad(); });
  if (taped) return GroupFunction::apply(at::TensorList(inputs), std::vector<int64_t>{level, format, reuse, kind, block, s.members}, biased);
  const at::AutoDispatchBelowADInplaceOrView below;
  const Codes of_x = quantize(flat(x), format, s.forward_kind(), 0);
  return forward(of_x, GroupFunction::codes_of(s, inputs), GroupFunction::biases_of(s, inputs, biased), x);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas) m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, Autograd, m) { m.impl("halo_linear_group", TORCH_FN(group<true>)); }
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) { m.impl("halo_linear_group", TORCH_FN(group<false>)); }

}  // namespace anneal::halo
