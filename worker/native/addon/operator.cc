#include "operator.h"

#include <ATen/core/function_schema.h>

namespace anneal {

namespace {

Kind optional_list_kind(const c10::Type& element) {
  switch (element.kind()) {
  case c10::TypeKind::TensorType:
    return Kind::kOptionalTensorList;
  case c10::TypeKind::NumberType:
    return Kind::kOptionalScalarList;
  default:
    return Kind::kUnreachable;
  }
}

Kind list_kind(const c10::Type& element) {
  switch (element.kind()) {
  case c10::TypeKind::TensorType:
    return Kind::kTensorList;
  case c10::TypeKind::IntType:
  case c10::TypeKind::SymIntType:
    return Kind::kIntegerList;
  case c10::TypeKind::FloatType:
    return Kind::kFloatList;
  case c10::TypeKind::BoolType:
    return Kind::kBooleanList;
  case c10::TypeKind::OptionalType:
    return optional_list_kind(*element.castRaw<c10::OptionalType>()->getElementType());
  default:
    return Kind::kUnreachable;
  }
}

Kind kind_of(const c10::Type& type) {
  switch (type.kind()) {
  case c10::TypeKind::TensorType:
    return Kind::kTensor;
  case c10::TypeKind::ListType:
    return list_kind(*type.castRaw<c10::ListType>()->getElementType());
  case c10::TypeKind::NumberType:
    return Kind::kScalar;
  case c10::TypeKind::IntType:
  case c10::TypeKind::SymIntType:
    return Kind::kInteger;
  case c10::TypeKind::FloatType:
    return Kind::kFloat;
  case c10::TypeKind::BoolType:
    return Kind::kBoolean;
  case c10::TypeKind::StringType:
    return Kind::kString;
  case c10::TypeKind::DeviceObjType:
    return Kind::kDevice;
  default:
    return Kind::kUnreachable;
  }
}

bool is_tensor(Kind kind) {
  return kind == Kind::kTensor || kind == Kind::kTensorList || kind == Kind::kOptionalTensorList;
}

// The argument `device` of an operator that takes no tensor: its result lies there. The result of
// another operator lies where its tensors do.
std::optional<size_t> device_argument_of(const std::vector<Parameter>& parameters) {
  std::optional<size_t> found;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (is_tensor(parameters[i].kind))
      return std::nullopt;
    if (parameters[i].kind == Kind::kDevice && parameters[i].optional)
      found = i;
  }
  return found;
}

Parameter parameter_of(const c10::Argument& argument) {
  const c10::Type& type = *argument.type();
  const bool optional = type.kind() == c10::TypeKind::OptionalType;
  const Kind kind = kind_of(optional ? *type.castRaw<c10::OptionalType>()->getElementType() : type);
  TORCH_CHECK(kind != Kind::kUnreachable || optional || argument.default_value().has_value(),
              "argument '", argument.name(), "' has the type ", type.str(),
              ", which JavaScript cannot pass");
  return {argument.name(), kind, optional, argument.default_value()};
}

} // namespace

Operator find_operator(const std::string& name, const std::string& overload) {
  const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  const std::string full_name = overload.empty() ? name : name + "." + overload;
  if (!handle)
    return {std::nullopt, full_name, {}, {}, std::nullopt};
  const c10::FunctionSchema& schema = handle->schema();
  Operator result{handle, full_name, {}, {}, std::nullopt};
  for (const c10::Argument& argument : schema.arguments()) {
    result.parameters.push_back(parameter_of(argument));
  }
  result.made_on = device_argument_of(result.parameters);
  for (const c10::Argument& value : schema.returns()) {
    result.returns_argument.push_back(value.alias_info() != nullptr &&
                                      value.alias_info()->isWrite());
  }
  return result;
}

} // namespace anneal
