#include "convert.h"

#include <c10/core/Device.h>
#include <c10/core/Scalar.h>

#include <cmath>

namespace anneal {

namespace {

constexpr double kLargestSafeInteger = 9007199254740991.0;

bool is_integer(double value) {
  return std::trunc(value) == value && std::abs(value) <= kLargestSafeInteger &&
         !(value == 0 && std::signbit(value));
}

napi_valuetype type_of(const Call& call, napi_value value) {
  napi_valuetype type;
  check(napi_typeof(call.env, value, &type), "a value");
  return type;
}

int64_t to_integer(const Call& call, napi_value value) {
  int32_t small = 0;
  double number = 0;
  if (napi_get_value_double(call.env, value, &number) == napi_ok) {
    TORCH_CHECK(is_integer(number) || number == 0, "expected an integer, not ", number);
    return static_cast<int64_t>(number);
  }
  if (type_of(call, value) == napi_bigint) {
    // Wraps modulo 2^64, so that an unsigned 64-bit key passes as the same bits.
    bool lossless = false;
    int64_t large = 0;
    check(napi_get_value_bigint_int64(call.env, value, &large, &lossless), "an integer");
    return large;
  }
  check(napi_get_value_int32(call.env, value, &small), "an integer");
  return small;
}

double to_float(const Call& call, napi_value value) {
  double number = 0;
  check(napi_get_value_double(call.env, value, &number), "a number");
  return number;
}

bool to_boolean(const Call& call, napi_value value) {
  bool flag = false;
  check(napi_get_value_bool(call.env, value, &flag), "a boolean");
  return flag;
}

// A JavaScript number without a fraction is an integer scalar: `mul(ids, 2)` keeps the type of ids,
// and float tensors do not care.
c10::Scalar to_scalar(const Call& call, napi_value value) {
  switch (type_of(call, value)) {
  case napi_number: {
    const double number = to_float(call, value);
    return is_integer(number) ? c10::Scalar(static_cast<int64_t>(number)) : c10::Scalar(number);
  }
  case napi_boolean:
    return c10::Scalar(to_boolean(call, value));
  default:
    return c10::Scalar(to_integer(call, value));
  }
}

at::Tensor to_tensor(const Call& call, napi_value value) {
  int32_t handle = 0;
  check(napi_get_value_int32(call.env, value, &handle), "a tensor");
  return call.environment.handles.at(handle);
}

template <class T, T (*convert)(const Call&, napi_value)>
std::vector<T> to_list(const Call& call, napi_value value) {
  uint32_t size = 0;
  check(napi_get_array_length(call.env, value, &size), "an array");
  std::vector<T> list;
  list.reserve(size);
  for (uint32_t i = 0; i < size; ++i) {
    napi_value element;
    check(napi_get_element(call.env, value, i, &element), "an array");
    list.push_back(convert(call, element));
  }
  return list;
}

template <class T, T (*convert)(const Call&, napi_value)>
std::optional<T> to_optional(const Call& call, napi_value value) {
  const napi_valuetype type = type_of(call, value);
  if (type == napi_null || type == napi_undefined)
    return std::nullopt;
  return convert(call, value);
}

template <class T, T (*convert)(const Call&, napi_value)>
c10::List<std::optional<T>> to_optional_list(const Call& call, napi_value value) {
  return c10::List<std::optional<T>>(
      to_list<std::optional<T>, to_optional<T, convert>>(call, value));
}

c10::IValue to_value(const Call& call, Kind kind, napi_value value) {
  switch (kind) {
  case Kind::kTensor:
    return to_tensor(call, value);
  case Kind::kTensorList:
    return to_list<at::Tensor, to_tensor>(call, value);
  case Kind::kOptionalTensorList:
    return to_optional_list<at::Tensor, to_tensor>(call, value);
  case Kind::kScalar:
    return to_scalar(call, value);
  case Kind::kOptionalScalarList:
    return to_optional_list<c10::Scalar, to_scalar>(call, value);
  case Kind::kInteger:
    return to_integer(call, value);
  case Kind::kIntegerList:
    return to_list<int64_t, to_integer>(call, value);
  case Kind::kFloat:
    return to_float(call, value);
  case Kind::kFloatList:
    return to_list<double, to_float>(call, value);
  case Kind::kBoolean:
    return to_boolean(call, value);
  case Kind::kBooleanList: {
    c10::List<bool> list;
    for (const bool flag : to_list<bool, to_boolean>(call, value))
      list.push_back(flag);
    return list;
  }
  case Kind::kString:
    return read_text(call.env, value);
  case Kind::kDevice:
    return c10::Device(read_text(call.env, value));
  case Kind::kUnreachable:
    break;
  }
  TORCH_CHECK(false, "JavaScript cannot pass a value of this type");
}

template <class List> napi_value to_array(const Call& call, const List& list) {
  napi_value array;
  check(napi_create_array_with_length(call.env, list.size(), &array), "an array");
  uint32_t i = 0;
  for (const auto& element : list) {
    const napi_value value = to_javascript(call, c10::IValue(element));
    check(napi_set_element(call.env, array, i++, value), "an array");
  }
  return array;
}

napi_value null_of(const Call& call) {
  napi_value value;
  check(napi_get_null(call.env, &value), "null");
  return value;
}

napi_value boolean_of(const Call& call, bool flag) {
  napi_value value;
  check(napi_get_boolean(call.env, flag, &value), "a boolean");
  return value;
}

napi_value integer_of(const Call& call, int64_t integer) {
  napi_value value;
  const bool safe = std::abs(static_cast<double>(integer)) <= kLargestSafeInteger;
  check(safe ? napi_create_int64(call.env, integer, &value)
             : napi_create_bigint_int64(call.env, integer, &value),
        "an integer");
  return value;
}

} // namespace

c10::IValue to_ivalue(const Call& call, const Parameter& parameter, napi_value value) {
  try {
    const napi_valuetype type = type_of(call, value);
    if (type == napi_undefined) {
      if (parameter.default_value)
        return *parameter.default_value;
      TORCH_CHECK(parameter.optional, "missing");
      return {};
    }
    if (type == napi_null) {
      TORCH_CHECK(parameter.optional, "null is not allowed");
      return {};
    }
    return to_value(call, parameter.kind, value);
  } catch (const c10::Error& error) {
    TORCH_CHECK(false, "argument '", parameter.name, "': ", error.what_without_backtrace());
  }
}

napi_value to_javascript(const Call& call, const c10::IValue& value) {
  if (value.isTensor()) {
    return value.toTensor().defined() ? call.handle_of(value.toTensor()) : null_of(call);
  }
  if (value.isNone())
    return null_of(call);
  if (value.isTensorList())
    return to_array(call, value.toTensorVector());
  if (value.isInt())
    return integer_of(call, value.toInt());
  if (value.isDouble())
    return call.number(value.toDouble());
  if (value.isBool())
    return boolean_of(call, value.toBool());
  if (value.isIntList())
    return to_array(call, value.toIntVector());
  if (value.isDoubleList())
    return to_array(call, value.toDoubleVector());
  if (value.isString())
    return call.string(value.toStringRef());
  TORCH_CHECK(false, "a result of the type ", value.tagKind(), " has no JavaScript form");
}

} // namespace anneal
