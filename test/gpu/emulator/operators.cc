// libtorch's operators on the emulated device: made there, copied to and from there, and all others
// on the processor over the device's memory. What a real GPU refuses is refused: tensors of two
// devices in one operator, an operator of ours without a kernel.
#include <ATen/Context.h>
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
#include "one_thread.h"
#include "pinned.h"
#include "streams.h"

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

// Operators of libtorch that on a GPU add in no fixed order. Where results must be the same twice
// (at::globalContext().deterministicAlgorithms()), they throw.
bool adds_in_any_order(const OperatorHandle& op, const torch::jit::Stack& stack, size_t first) {
  const std::string& name = op.schema().name();
  if (name == "aten::cumsum") return stack[first].toTensor().is_floating_point();
  if (name == "aten::bincount") return stack[first + 1].isTensor();
  return name == "aten::put_" || name == "aten::histc" || name == "aten::kthvalue" || name == "aten::median";
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
  if (adds_in_any_order(op, *stack, first)) at::globalContext().alertNotDeterministic(name);
  std::vector<Tensor> all;
  change_tensors(*stack, first, [&](const Tensor& tensor) { return all.emplace_back(tensor); });
  const int device = common_device(op, all);
  if (waiting_operators().count(name) > 0) count_wait(device);
  const Access access(device);
  const OneThread alone;
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

bool is_one_piece(const Tensor& to, const Tensor& from) {
  return to.scalar_type() == from.scalar_type() && to.sizes() == from.sizes() && to.is_contiguous() && from.is_contiguous();
}

// To the device, from it, or between two. The host waits for a copy unless the host's side is
// pinned and the caller does not ask it to; libtorch copies nothing where there is nothing.
Tensor& copy_(Tensor& self, const Tensor& from, bool non_blocking) {
  if (self.numel() == 0) return self;
  const int to_device = self.is_cuda() ? self.get_device() : from.get_device();
  const int from_device = from.is_cuda() ? from.get_device() : to_device;
  const Tensor* const host = !self.is_cuda() ? &self : !from.is_cuda() ? &from : nullptr;
  // A number that the host gives travels with the launch.
  const bool is_number = host == &from && from.dim() == 0;
  const bool waits = host != nullptr && !is_number && !(non_blocking && is_pinned(host->const_data_ptr()));
  if (waits) {
    make_copies();
    count_wait(from_device);
  }
  const c10::Device device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(to_device));
  if (!waits && host != nullptr && !is_default(current_stream(device)) && is_one_piece(self, from)) {
    copy_later(current_stream(device), self.mutable_data_ptr(), from.const_data_ptr(), from.nbytes());
    return self;
  }
  const Access to_access(to_device), from_access(from_device);
  Borrowed borrowed(to_device);
  Tensor to = borrowed.lend(self);
  to.copy_(borrowed.lend(from));
  return self;
}

at::Scalar local_scalar(const Tensor& self) {
  make_copies();
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
