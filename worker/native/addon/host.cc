// Values between JavaScript's buffers and tensors. Every path copies: no tensor ever points into a
// JavaScript buffer, and no buffer into a tensor.

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>

#include "device.h"
#include "exports.h"

namespace anneal {

namespace {

struct Bytes {
  void* data;
  size_t size;
};

Bytes bytes_of(const Call& call, size_t i) {
  size_t size = 0;
  void* data = nullptr;
  napi_typedarray_type type;
  check(
      napi_get_typedarray_info(call.env, call.arguments[i], &type, &size, &data, nullptr, nullptr),
      "a Uint8Array");
  TORCH_CHECK(type == napi_uint8_array, "expected a Uint8Array");
  return {data, size};
}

} // namespace

// describe(tensor) → [dtype, device index (-1 is the CPU), ...shape]
napi_value describe(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  napi_value array;
  check(napi_create_array_with_length(call.env, 2 + tensor.dim(), &array), "an array");
  const auto set = [&](uint32_t i, int64_t number) {
    check(napi_set_element(call.env, array, i, call.number(static_cast<double>(number))),
          "an array");
  };
  set(0, static_cast<int64_t>(tensor.scalar_type()));
  set(1, tensor.is_cpu() ? -1 : tensor.get_device());
  for (int64_t i = 0; i < tensor.dim(); ++i)
    set(static_cast<uint32_t>(i + 2), tensor.size(i));
  return array;
}

// fromBytes(bytes, shape, dtype, as) → values of `dtype` in row order, cast to `as`, on the device
// of the scope.
napi_value from_bytes(Call& call) {
  const Bytes bytes = bytes_of(call, 0);
  const std::vector<int64_t> shape = call.integer_list(1);
  const auto dtype = static_cast<at::ScalarType>(call.integer(2));
  const auto as = static_cast<at::ScalarType>(call.integer(3));
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(dtype));
  TORCH_CHECK(tensor.nbytes() == bytes.size, "the buffer has ", bytes.size, " bytes; the shape ",
              tensor.sizes(), " of ", dtype, " needs ", tensor.nbytes());
  if (bytes.size > 0)
    std::memcpy(tensor.mutable_data_ptr(), bytes.data, bytes.size);
  return call.handle_of(to_device(tensor.to(as), call.environment.handles.device()));
}

// toBytes(tensor, as) → ArrayBuffer with the values in row order, cast to `as`.
napi_value to_bytes(Call& call) {
  const auto as = static_cast<at::ScalarType>(call.integer(1));
  const at::Tensor& tensor = call.tensor(0);
  void* data = nullptr;
  napi_value buffer;
  const size_t size = tensor.numel() * c10::elementSize(as);
  check(napi_create_arraybuffer(call.env, size, &data, &buffer), "memory for a buffer");
  if (size > 0)
    at::from_blob(data, tensor.sizes(), at::TensorOptions().dtype(as)).copy_(tensor);
  return buffer;
}

// item(tensor) → the one element, as a number.
napi_value item(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  TORCH_CHECK(tensor.numel() == 1, "item reads one element; the tensor has ", tensor.numel());
  return call.number(tensor.item().toDouble());
}

} // namespace anneal
