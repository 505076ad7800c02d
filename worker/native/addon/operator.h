// A schema that was looked up once: which converter each argument needs, and its default.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <string>
#include <vector>

namespace anneal {

enum class Kind : uint8_t {
  kTensor,
  kTensorList,
  kOptionalTensorList, // Tensor?[], as in advanced indexing
  kScalar,
  kOptionalScalarList, // Scalar?[], as in mkldnn::_linear_pointwise
  kInteger,            // also dtypes, layouts, memory formats and symbolic sizes
  kIntegerList,
  kFloat,
  kFloatList,
  kBoolean,
  kBooleanList,
  kString,
  kDevice,
  kUnreachable, // only its default can be passed: generators, custom classes
};

struct Parameter {
  std::string name;
  Kind kind;
  bool optional;
  std::optional<c10::IValue> default_value;
};

struct Operator {
  std::optional<c10::OperatorHandle> handle; // none: no loaded library has it
  std::string name;
  std::vector<Parameter> parameters;
  std::vector<bool> returns_argument; // results that are an argument written in place
  // Of an operator that makes a tensor from no tensor: its argument `device`, which a scope may
  // answer for the caller.
  std::optional<size_t> made_on;
};

// An operator that no library has is found out when it is called, so that one kernel which is not
// built yet stops nobody else. Throws when an argument without default has no converter.
Operator find_operator(const std::string& name, const std::string& overload);

} // namespace anneal
