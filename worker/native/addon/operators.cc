// The generic call: every operator of the dispatcher, ATen's and ours, through one entry point.

#include <ATen/core/function_schema.h>
#include <dlfcn.h>

#include <sstream>

#include "convert.h"
#include "exports.h"

namespace anneal {

namespace {

std::string text_of(const c10::FunctionSchema& schema) {
  std::ostringstream text;
  text << schema;
  return text.str();
}

// In-place results are the argument itself, for which JavaScript holds a handle already.
napi_value results_of(const Call& call, const Operator& op) {
  const torch::jit::Stack& stack = call.environment.stack;
  if (stack.size() == 1) {
    return op.returns_argument[0] ? call.undefined() : to_javascript(call, stack[0]);
  }
  if (stack.empty())
    return call.undefined();
  napi_value array;
  check(napi_create_array_with_length(call.env, stack.size(), &array), "an array");
  for (size_t i = 0; i < stack.size(); ++i) {
    if (op.returns_argument[i])
      continue;
    check(
        napi_set_element(call.env, array, static_cast<uint32_t>(i), to_javascript(call, stack[i])),
        "an array");
  }
  return array;
}

} // namespace

napi_value op(Call& call) {
  Environment& environment = call.environment;
  environment.operators.push_back(find_operator(call.text(0), call.text(1)));
  return call.number(static_cast<double>(environment.operators.size() - 1));
}

napi_value invoke(Call& call) {
  Environment& environment = call.environment;
  const size_t index = static_cast<size_t>(call.integer(0));
  TORCH_CHECK(index < environment.operators.size(), "operator ", index, " was not looked up");
  const Operator& op = environment.operators[index];
  environment.running = &op;
  TORCH_CHECK(op.handle, "is not an operator of the loaded libraries; npm run native builds ours");
  TORCH_CHECK(call.count <= op.parameters.size() + 1, "takes ", op.parameters.size(),
              " arguments, not ", call.count - 1);
  torch::jit::Stack& stack = environment.stack;
  for (size_t i = 0; i < op.parameters.size(); ++i) {
    const Parameter& parameter = op.parameters[i];
    if (i + 1 < call.count) {
      stack.push_back(to_ivalue(call, parameter, call.arguments[i + 1]));
    } else {
      TORCH_CHECK(parameter.default_value || parameter.optional, "argument '", parameter.name,
                  "': missing");
      stack.push_back(parameter.default_value.value_or(c10::IValue()));
    }
  }
  if (op.made_on && stack[*op.made_on].isNone())
    stack[*op.made_on] = environment.handles.device();
  op.handle->callBoxed(stack);
  const napi_value result = results_of(call, op);
  stack.clear();
  environment.running = nullptr;
  return result;
}

napi_value schema(Call& call) {
  const auto handle = c10::Dispatcher::singleton().findSchema({call.text(0), call.text(1)});
  return handle ? call.string(text_of(handle->schema())) : call.undefined();
}

napi_value schemas(Call& call) {
  napi_value array;
  check(napi_create_array(call.env, &array), "an array");
  uint32_t count = 0;
  for (const c10::OperatorName& name : c10::Dispatcher::singleton().getAllOpNames()) {
    const auto handle = c10::Dispatcher::singleton().findSchema(name);
    if (!handle)
      continue;
    check(napi_set_element(call.env, array, count++, call.string(text_of(handle->schema()))),
          "an array");
  }
  return array;
}

napi_value load_library(Call& call) {
  const std::string path = call.text(0);
  TORCH_CHECK(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr, dlerror());
  return call.undefined();
}

} // namespace anneal
