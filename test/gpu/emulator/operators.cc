// libtorch's operators on the emulated device: made there, copied to and from there, and all others
// on the processor over the device's memory. What a real GPU refuses is refused: tensors of two
// devices in one operator, an operator of ours without a kernel.
#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/mm.h>
#include <torch/library.h>

#include <set>
#include <string>
#include <vector>

#include "block.h"
#include "borrowed.h"
#include "memory.h"

namespace emulator {

namespace {

using at::Tensor;
using c10::OperatorHandle;

constexpr c10::DispatchKeySet kOnDevice(c10::DispatchKey::CUDA);

// The shape of what these return depends on values: a real GPU is waited for.
const std::set<std::string>& waiting_operators() {
  static const std::set<std::string> names{"aten::nonzero",     "aten::masked_select",  "aten::_unique2",
                                           "aten::unique_dim",  "aten::equal",          "aten::bincount",
                                           "aten::is_nonzero",  "aten::repeat_interleave", "aten::_local_scalar_dense"};
  return names;
}

// Tensors among the arguments, each put through `change`.
template <class Change> void change_tensors(torch::jit::Stack& stack, size_t first, Change change) {
  for (size_t i = first; i < stack.size(); ++i) {
    c10::IValue& value = stack[i];
    if (value.isTensor()) {
      value = change(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<Tensor> list;
      for (const Tensor& one : value.toTensorVector()) list.push_back(change(one));
      value = std::move(list);
    } else if (value.isOptionalTensorList()) {
      c10::List<std::optional<Tensor>> list;
      for (const std::optional<Tensor>& one : value.toOptionalTensorVector())
        list.push_back(one ? std::optional<Tensor>(change(*one)) : std::nullopt);
      value = std::move(list);
    }
  }
}

// The device that the tensors lie on. A number (a tensor of the processor without dimensions) goes
// with any.
int common_device(const OperatorHandle& op, const std::vector<Tensor>& tensors) {
  int device = -1;
  const Tensor* other = nullptr;
  for (const Tensor& tensor : tensors) {
    if (!tensor.defined()) continue;
    if (!tensor.is_cuda()) {
      if (tensor.dim() > 0) other = &tensor;
      continue;
    }
    const int index = tensor.get_device();
    TORCH_CHECK(device < 0 || device == index, "Expected all tensors to be on the same device, but found at least two devices, cuda:",
                device, " and cuda:", index, "! (", op.schema().name(), ")");
    device = index;
  }
  TORCH_CHECK(device < 0 || other == nullptr, "Expected all tensors to be on the same device, but found at least two devices, cuda:",
              device, " and cpu! (", op.schema().name(), " of ", other == nullptr ? at::IntArrayRef() : other->sizes(), ")");
  return device < 0 ? current_device() : device;
}

void on_processor(const OperatorHandle& op, c10::DispatchKeySet, torch::jit::Stack* stack) {
  const std::string& name = op.schema().name();
  TORCH_CHECK(name.rfind("anneal::", 0) != 0, "Could not run '", name,
              "' with arguments from the 'CUDA' backend: it has no CUDA kernel");
  const size_t first = stack->size() - op.schema().arguments().size();
  std::vector<Tensor> all;
  change_tensors(*stack, first, [&](const Tensor& tensor) { return all.emplace_back(tensor); });
  const int device = common_device(op, all);
  if (waiting_operators().count(name) > 0) count_wait(device);
  const Access access(device);
  Borrowed borrowed(device);
  change_tensors(*stack, first, [&](const Tensor& tensor) { return borrowed.lend(tensor); });
  for (size_t i = first; i < stack->size(); ++i)
    if ((*stack)[i].isDevice()) (*stack)[i] = c10::Device(c10::DeviceType::CPU);
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  borrowed.settle();
  change_tensors(*stack, stack->size() - op.schema().returns().size(),
                 [&](const Tensor& tensor) { return borrowed.give_back(tensor); });
}

// Where at::empty(…, device) makes: the device it names, or the current one.
struct Chosen {
  explicit Chosen(std::optional<at::Device> device) : before(current_device()) {
    if (device && device->has_index()) set_current_device(device->index());
  }
  ~Chosen() { set_current_device(before); }
  Chosen(const Chosen&) = delete;
  Chosen& operator=(const Chosen&) = delete;
  int before;
};

Tensor empty_memory_format(c10::SymIntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                           std::optional<at::Device> device, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  const Chosen chosen(device);
  return at::detail::empty_generic(C10_AS_INTARRAYREF_SLOW(size), device_allocator(), kOnDevice,
                                   c10::dtype_or_default(dtype), format);
}

Tensor empty_strided(c10::SymIntArrayRef size, c10::SymIntArrayRef stride, std::optional<at::ScalarType> dtype,
                     std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>) {
  const Chosen chosen(device);
  return at::detail::empty_strided_generic(C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), device_allocator(),
                                           kOnDevice, c10::dtype_or_default(dtype));
}

// To the device, from it, or between two. The host waits for a copy to or from its own memory,
// which no test pins, unless it says that it will not.
Tensor& copy_(Tensor& self, const Tensor& from, bool non_blocking) {
  const int to_device = self.is_cuda() ? self.get_device() : from.get_device();
  const int from_device = from.is_cuda() ? from.get_device() : to_device;
  const bool leaves_device = !self.is_cuda() || !from.is_cuda();
  if (leaves_device && !non_blocking) count_wait(from_device);
  const Access to_access(to_device), from_access(from_device);
  Borrowed borrowed(to_device);
  Tensor to = borrowed.lend(self);
  to.copy_(borrowed.lend(from));
  return self;
}

at::Scalar local_scalar(const Tensor& self) {
  count_wait(self.get_device());
  const Access access(self.get_device());
  Borrowed borrowed(self.get_device());
  return borrowed.lend(self).item();
}

Tensor as_strided(const Tensor& self, c10::SymIntArrayRef size, c10::SymIntArrayRef stride, std::optional<c10::SymInt> offset) {
  Tensor made = at::detail::make_tensor<c10::TensorImpl>(c10::TensorImpl::VIEW, c10::Storage(self.storage()), self.key_set(),
                                                         self.dtype());
  made.unsafeGetTensorImpl()->set_sizes_and_strides(C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride),
                                                    offset ? offset->expect_int() : self.storage_offset());
  return made;
}

// The processor has no such product: the values widened are the same values, and sums are kept in
// the wider type there too.
Tensor mm_dtype(const Tensor& left, const Tensor& right, at::ScalarType type) { return at::mm(left.to(type), right.to(type)); }

std::vector<int64_t> counts_of(int64_t device) {
  const Counts all = counts(static_cast<int>(device));
  return {all.held_bytes, all.peak_bytes, all.waits, all.launches};
}

// What the host must not do: read memory of a device by its pointer.
int64_t read_by_host(const Tensor& tensor) { return *static_cast<const volatile uint8_t*>(tensor.const_data_ptr()); }

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&on_processor>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("empty.memory_format", TORCH_FN(empty_memory_format));
  m.impl("empty_strided", TORCH_FN(empty_strided));
  m.impl("copy_", TORCH_FN(copy_));
  m.impl("_local_scalar_dense", TORCH_FN(local_scalar));
  m.impl("as_strided", TORCH_FN(as_strided));
  m.impl("mm.dtype", TORCH_FN(mm_dtype));
}

// For tests: the schedule (block.h), what a device has counted (held bytes, peak bytes, waits,
// launches), its memory in bytes.
TORCH_LIBRARY(anneal_emulator, m) {
  m.def("set_order(int order) -> ()", [](int64_t order) { set_order(order); });
  m.def("order() -> int", [] { return order(); });
  m.def("counts(int device) -> int[]", &counts_of);
  m.def("reset_counts(int device) -> ()", [](int64_t device) { reset_counts(static_cast<int>(device)); });
  m.def("set_limit(int device, int bytes) -> ()",
        [](int64_t device, int64_t bytes) { set_limit(static_cast<int>(device), bytes); });
  m.def("read_by_host(Tensor tensor) -> int");
}

TORCH_LIBRARY_IMPL(anneal_emulator, CUDA, m) { m.impl("read_by_host", &read_by_host); }

} // namespace

} // namespace emulator
