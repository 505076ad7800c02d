// Operators of lora_linear.h: checks, schemas, the tape.

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>

#include "../quantized/quantized.h"
#include "lora_linear.h"
#include "source.h"

namespace anneal::lora_linear {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Maybe = c10::List<std::optional<Tensor>>;  // one a member, some of them missing

// On a device the operators that take an index look at its values themselves.
void check_index(const Tensor& index, const char* name, int64_t count) {
  TORCH_CHECK(index.dim() == 1, name, " is an index of the shape ", index.sizes(), "; it must have one dimension");
  if (!index.is_cpu()) return;
  const Tensor dense = index.contiguous();
  const int32_t* values = dense.const_data_ptr<int32_t>();
  for (int64_t i = 0; i < dense.numel(); ++i)
    TORCH_CHECK(values[i] >= 0 && values[i] < count, name, "[", i, "] is ", values[i], "; it must be from 0 to ", count - 1);
}

void check_adapter(const Member& m, quantized::Shape weight, bool dropped) {
  if (is_sparse(m)) {
    check_index(m.a, "a", weight.outputs * weight.inputs);
    TORCH_CHECK(m.b.size(0) == m.a.size(0), "b has ", m.b.size(0), " values; it must have one for each place of a: ",
                m.a.size(0));
    TORCH_CHECK(m.scale == 1 && !dropped, "scale is ", m.scale, "; single values change by 1 times b, and x is not dropped");
    return;
  }
  if (is_index(m.a)) {
    check_index(m.a, "a", weight.inputs);
    TORCH_CHECK(!dropped, "a is an index, and dropped is given; columns that are copied are not dropped");
  } else {
    TORCH_CHECK(m.a.dim() == 2 && m.a.size(1) == weight.inputs, "a has the shape ", m.a.sizes(), "; it must be [rank, ",
                weight.inputs, "]");
  }
  if (is_index(m.b)) {
    TORCH_CHECK(!is_index(m.a), "a and b are both an index; one of them must have values");
    check_index(m.b, "b", weight.outputs);
    TORCH_CHECK(m.b.size(0) == m.a.size(0), "b has ", m.b.size(0), " places; it must have one for each row of a: ",
                m.a.size(0));
    return;
  }
  TORCH_CHECK(m.b.dim() == 2 && m.b.size(0) == weight.outputs && m.b.size(1) == m.a.size(0), "b has the shape ",
              m.b.sizes(), "; it must be [", weight.outputs, ", ", m.a.size(0), "]");
}

Tensor at(const Maybe& list, size_t i) {
  return list.empty() ? Tensor() : static_cast<std::optional<Tensor>>(list.get(i)).value_or(Tensor());
}

Maybe one(const std::optional<Tensor>& tensor) {
  Maybe list;
  list.push_back(tensor);
  return list;
}

void check(const Group& group) {
  const Tensor& x = group.x;
  TORCH_CHECK(!group.members.empty(), "weights is empty; a group has at least one member");
  TORCH_CHECK(x.dim() >= 1, "x has the shape ", x.sizes(), "; it must have at least one dimension");
  TORCH_CHECK(!group.dropped.defined() || (group.dropped.sizes() == x.sizes() &&
                                           group.dropped.scalar_type() == x.scalar_type()),
              "dropped is not like x; it must have the same shape and dtype");
  for (const Member& m : group.members) {
    const auto weight = quantized::shape_of(m.weight);
    TORCH_CHECK(weight.inputs == x.size(-1), "a weight has the shape [", weight.outputs, ", ", weight.inputs,
                "]; it must be [outputs, ", x.size(-1), "], the last dimension of x");
    TORCH_CHECK(!m.bias.defined() || (m.bias.dim() == 1 && m.bias.size(0) == weight.outputs),
                "a bias does not fit its weight; it must be [", weight.outputs, "]");
    TORCH_CHECK(m.a.defined() == m.b.defined(), "a layer has one of a and b; it must have both or neither");
    if (m.a.defined()) check_adapter(m, weight, group.dropped.defined());
  }
}

Group group_of(const Tensor& x, at::TensorList weights, const Maybe& biases, const Maybe& a, const Maybe& b,
               at::ArrayRef<double> scales, const std::optional<Tensor>& dropped) {
  TORCH_CHECK(biases.empty() || biases.size() == weights.size(), "biases has ", biases.size(),
              " members; it must be empty or have one a weight: ", weights.size());
  const bool plain = a.empty();
  TORCH_CHECK(plain || (a.size() == weights.size() && b.size() == weights.size() && scales.size() == weights.size()),
              "a, b and scales have ", a.size(), ", ", b.size(), " and ", scales.size(),
              " members; each must have one a weight: ", weights.size());
  Group group{x, dropped.value_or(Tensor()), {}};
  for (size_t i = 0; i < weights.size(); ++i) {
    group.members.push_back({weights[i], at(biases, i), at(a, i), at(b, i), plain ? 0.0 : scales[i]});
  }
  check(group);
  return group;
}

bool wants(const Tensor& t) { return t.defined() && t.requires_grad(); }

constexpr size_t kBefore = 3;  // tensors before those of the members

// All tensors of a group in a fixed order: its source's two, dropped, then weight, bias, a, b of
// each member.
variable_list tensors_of(const Source& source, const Group& group) {
  variable_list all{source.first, source.second, group.dropped};
  for (const Member& m : group.members) all.insert(all.end(), {m.weight, m.bias, m.a, m.b});
  return all;
}

Group group_of(at::TensorList all, const std::vector<double>& scales) {
  Group group{Tensor(), all[2], {}};
  for (size_t i = 0; i < scales.size(); ++i) {
    const size_t at = kBefore + 4 * i;
    group.members.push_back({all[at], all[at + 1], all[at + 2], all[at + 3], scales[i]});
  }
  return group;
}

// Autograd takes no undefined tensor as an input: the function gets those that are there, and where
// the others would stand.
variable_list spread(at::TensorList inputs, const std::vector<int64_t>& present) {
  variable_list all(present.size());
  size_t next = 0;
  for (size_t i = 0; i < present.size(); ++i)
    if (present[i]) all[i] = inputs[next++];
  return all;
}

// A source without its tensors, as the tape stores it.
std::vector<double> numbers_of(const Source& s) {
  return {static_cast<double>(s.kind), s.eps, s.offset, static_cast<double>(s.activation)};
}

Source source_of(at::TensorList all, const std::vector<double>& numbers) {
  return {static_cast<Source::Kind>(numbers[0]), all[0], all[1], numbers[1], numbers[2],
          static_cast<int64_t>(numbers[3])};
}

struct GroupFunction : torch::autograd::Function<GroupFunction> {
  static variable_list forward(AutogradContext* context, at::TensorList given, std::vector<double> scales,
                               std::vector<double> numbers, std::vector<int64_t> present) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const variable_list inputs = spread(given, present);
    Group group = group_of(inputs, scales);
    Source source = source_of(inputs, numbers);
    const auto [x, rstd] = source.make();
    group.x = x;
    Outputs out = lora_linear::forward(group);
    std::vector<int64_t> needs;
    for (const Tensor& t : inputs) needs.push_back(wants(t));
    bool any_a = false, any_weight = false;
    for (const Member& m : group.members) {
      any_weight = any_weight || (is_sparse(m) && wants(m.b));
      any_a = any_a || wants(m.a);
      any_weight = any_weight || wants(m.weight);
    }
    const bool separate = group.dropped.defined();
    const bool reads_x = any_weight || (any_a && !separate);
    if (source.kind == Source::kGiven && !reads_x) source.first = Tensor();
    if (!any_a) group.dropped = Tensor();
    variable_list saved = tensors_of(source, group);
    for (size_t i = 0; i < out.t.size(); ++i) saved.push_back(wants(group.members[i].b) ? out.t[i] : Tensor());
    saved.push_back(rstd);
    context->save_for_backward(std::move(saved));
    context->set_materialize_grads(false);
    context->saved_data["needs"] = needs;
    context->saved_data["scales"] = scales;
    context->saved_data["numbers"] = numbers;
    context->saved_data["present"] = present;
    context->saved_data["separate"] = separate;
    context->saved_data["reads_x"] = reads_x;
    return out.y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& dy) {
    variable_list saved = context->get_saved_variables();
    const auto needed = context->saved_data["needs"].toIntVector();
    const Tensor rstd = saved.back();
    const variable_list t(saved.end() - 1 - dy.size(), saved.end() - 1);
    Group group = group_of(saved, context->saved_data["scales"].toDoubleVector());
    const Source source = source_of(saved, context->saved_data["numbers"].toDoubleVector());
    if (context->saved_data["reads_x"].toBool()) group.x = source.make_again();
    Needs needs{needed[0] != 0 || needed[1] != 0, needed[2] != 0, context->saved_data["separate"].toBool(), {}, {}, {}};
    for (size_t at = kBefore; at < needed.size(); at += 4) {
      needs.weight.push_back(needed[at] != 0);
      needs.a.push_back(needed[at + 2] != 0);
      needs.b.push_back(needed[at + 3] != 0);
    }
    Gradients out = lora_linear::backward(group, dy, t, needs);
    variable_list all{Tensor(), Tensor(), out.dropped};
    if (out.x.defined()) std::tie(all[0], all[1]) = source.gradients(out.x, rstd, needed[1] != 0);
    for (size_t i = 0; i < dy.size(); ++i) {
      Tensor bias;
      if (needed[kBefore + 1 + 4 * i] && dy[i].defined())
        bias = dy[i].reshape({-1, dy[i].size(-1)}).sum(0, false, group.members[i].bias.scalar_type());
      all.insert(all.end(), {out.weight[i], bias, out.a[i], out.b[i]});
    }
    const auto present = context->saved_data["present"].toIntVector();
    variable_list given;
    for (size_t i = 0; i < present.size(); ++i)
      if (present[i]) given.push_back(all[i]);
    given.resize(given.size() + 3);  // scales, numbers, present
    return given;
  }
};

// group.x stands for the input's shape and type: a source's first tensor has both.
std::vector<Tensor> run(const Source& source, Group group, bool tape) {
  const variable_list all = tensors_of(source, group);
  if (!tape || !at::GradMode::is_enabled() || std::none_of(all.begin(), all.end(), wants)) {
    const at::AutoDispatchBelowADInplaceOrView below;
    group.x = source.make().first;
    return forward(group).y;
  }
  std::vector<double> scales;
  for (const Member& m : group.members) scales.push_back(m.scale);
  variable_list inputs;
  std::vector<int64_t> present;
  for (const Tensor& t : all) {
    present.push_back(t.defined());
    if (t.defined()) inputs.push_back(t);
  }
  return GroupFunction::apply(at::TensorList(inputs), scales, numbers_of(source), present);
}

Source given(const Tensor& x) {
  Source source;
  source.first = x;
  return source;
}

template <bool tape>
std::vector<Tensor> linear_group(const Tensor& x, at::TensorList weights, const Maybe& biases) {
  return run(given(x), group_of(x, weights, biases, Maybe(), Maybe(), {}, std::nullopt), tape);
}

template <bool tape>
std::vector<Tensor> lora_linear_group(const Tensor& x, at::TensorList weights, const Maybe& biases, const Maybe& a,
                                      const Maybe& b, at::ArrayRef<double> scales,
                                      const std::optional<Tensor>& dropped) {
  return run(given(x), group_of(x, weights, biases, a, b, scales, dropped), tape);
}

template <bool tape>
Tensor lora_linear(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias, const Tensor& a,
                   const Tensor& b, double scale, const std::optional<Tensor>& dropped) {
  return run(given(x), group_of(x, {weight}, one(bias), one(a), one(b), {scale}, dropped), tape)[0];
}

template <bool tape>
std::vector<Tensor> norm_linear_group(const Tensor& stream, const Tensor& norm, double eps, double offset,
                                      at::TensorList weights, const Maybe& biases, const Maybe& a, const Maybe& b,
                                      at::ArrayRef<double> scales) {
  const Source source{Source::kNorm, stream, norm, eps, offset, 0};
  return run(source, group_of(stream, weights, biases, a, b, scales, std::nullopt), tape);
}

template <bool tape>
Tensor swiglu_linear(const Tensor& gate, const Tensor& up, int64_t activation, const Tensor& weight,
                     const std::optional<Tensor>& bias, const Maybe& a, const Maybe& b, at::ArrayRef<double> scales) {
  const Source source{Source::kSwiglu, gate, up, 0, 0, activation};
  return run(source, group_of(gate, {weight}, one(bias), a, b, scales, std::nullopt), tape)[0];
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas) m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, Autograd, m) {
  m.impl("linear_group", TORCH_FN(linear_group<true>));
  m.impl("lora_linear", TORCH_FN(lora_linear<true>));
  m.impl("lora_linear_group", TORCH_FN(lora_linear_group<true>));
  m.impl("norm_linear_group", TORCH_FN(norm_linear_group<true>));
  m.impl("swiglu_linear", TORCH_FN(swiglu_linear<true>));
}
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) {
  m.impl("linear_group", TORCH_FN(linear_group<false>));
  m.impl("lora_linear", TORCH_FN(lora_linear<false>));
  m.impl("lora_linear_group", TORCH_FN(lora_linear_group<false>));
  m.impl("norm_linear_group", TORCH_FN(norm_linear_group<false>));
  m.impl("swiglu_linear", TORCH_FN(swiglu_linear<false>));
}

}  // namespace anneal::lora_linear
