// What a process asks of its CUDA devices, through libtorch's own interfaces for any accelerator:
// the addon itself is built without a CUDA toolkit.

#include "device.h"

#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "exports.h"

namespace anneal {

namespace {

// Beside the stream that computes, so that copies and products run at the same time.
c10::Stream copy_stream(c10::Device device) {
  thread_local std::map<c10::DeviceIndex, c10::Stream> streams;
  const auto found = streams.find(device.index());
  if (found != streams.end())
    return found->second;
  const c10::impl::VirtualGuardImpl guard(device.type());
  return streams.emplace(device.index(), guard.getStreamFromGlobalPool(device)).first->second;
}

c10::DeviceIndex index_of(const Call& call, size_t i) {
  return static_cast<c10::DeviceIndex>(call.integer(i));
}

using c10::CachingAllocator::Stat;
using c10::CachingAllocator::StatArray;

int64_t all_of(const StatArray& stats, int64_t Stat::*part) {
  return stats[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].*part;
}

} // namespace

void wait_for(c10::Stream later, c10::Stream earlier) {
  c10::Event reached(earlier.device_type());
  reached.record(earlier);
  later.wait(reached);
}

at::Tensor pinned_like(const at::Tensor& tensor) {
  return at::empty(tensor.sizes(),
                   at::TensorOptions().dtype(tensor.scalar_type()).pinned_memory(true));
}

at::Tensor to_device(const at::Tensor& tensor, c10::Device device) {
  // Pieces, so that a weight of gigabytes needs no second copy in memory that cannot be paged out.
  constexpr int64_t kPieceBytes = 32 << 20;
  if (device.is_cpu() || !tensor.is_cpu() || tensor.numel() == 0) return tensor.to(device);
  const at::Tensor from = tensor.contiguous().view({-1});
  const at::Tensor to = at::empty(tensor.sizes(), tensor.options().device(device));
  const at::Tensor flat = to.view({-1});
  const int64_t piece = std::max<int64_t>(1, kPieceBytes / from.element_size());
  for (int64_t at = 0; at < from.numel(); at += piece) {
    const at::Tensor some = from.narrow(0, at, std::min(piece, from.numel() - at));
    const at::Tensor staged = pinned_like(some);
    std::memcpy(staged.mutable_data_ptr(), some.const_data_ptr(), some.nbytes());
    // libtorch gives pinned memory to another tensor only after the copy has been made.
    flat.narrow(0, at, some.numel()).copy_(staged, /*non_blocking=*/true);
  }
  return to;
}

// deviceCount() → CUDA devices that this process sees.
napi_value device_count(Call& call) {
  const bool any = c10::impl::hasDeviceGuardImpl(c10::kCUDA);
  return call.number(any ? c10::impl::VirtualGuardImpl(c10::kCUDA).deviceCount() : 0);
}

// deviceMemory(index) → {total, free, reserved, reservedPeak, allocated, allocatedPeak}: bytes of
// the device, bytes that libtorch's allocator holds of it, and bytes of those that tensors use.
napi_value device_memory(Call& call) {
  const c10::DeviceIndex index = index_of(call, 0);
  auto* const allocator = c10::getDeviceAllocator(c10::kCUDA);
  const auto stats = allocator->getDeviceStats(index);
  const auto [free, total] = allocator->getMemoryInfo(index);
  napi_value object;
  check(napi_create_object(call.env, &object), "an object");
  call.set_number(object, "total", static_cast<int64_t>(total));
  call.set_number(object, "free", static_cast<int64_t>(free));
  call.set_number(object, "reserved", all_of(stats.reserved_bytes, &Stat::current));
  call.set_number(object, "reservedPeak", all_of(stats.reserved_bytes, &Stat::peak));
  call.set_number(object, "allocated", all_of(stats.allocated_bytes, &Stat::current));
  call.set_number(object, "allocatedPeak", all_of(stats.allocated_bytes, &Stat::peak));
  return object;
}

// resetDevicePeak(index) begins a new measurement of the largest sums.
napi_value reset_device_peak(Call& call) {
  c10::getDeviceAllocator(c10::kCUDA)->resetPeakStats(index_of(call, 0));
  return call.undefined();
}

// requireDeterministicOperators(): operators of libtorch on a device give the same bits twice, or
// throw. Memory that nobody has written is not filled for it.
napi_value require_deterministic_operators(Call& call) {
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  at::globalContext().setDeterministicFillUninitializedMemory(false);
  return call.undefined();
}

// roundProducts(on): products of float32 on a device round their operands to TF32.
napi_value round_products(Call& call) {
  at::globalContext().setAllowTF32CuBLAS(call.boolean(0));
  return call.undefined();
}

// toDevice(tensor, device) → the values on the device, in a type and layout of the same kind.
napi_value to_device(Call& call) {
  return call.handle_of(to_device(call.tensor(0), c10::Device(call.text(1))));
}

// offload(tensor) → a copy in the host's memory, begun on a stream of its own.
napi_value offload(Call& call) {
  const at::Tensor from = call.tensor(0).contiguous();
  const c10::impl::VirtualGuardImpl device(from.device().type());
  const c10::Stream computing = device.getStream(from.device()), copying = copy_stream(from.device());
  wait_for(copying, computing);
  const at::Tensor to = pinned_like(from);
  {
    const c10::StreamGuard guard(copying);
    to.copy_(from, /*non_blocking=*/true);
  }
  device.recordDataPtrOnStream(from.storage().data_ptr(), copying);
  return call.handle_of(to);
}

// fetch(tensor, device) → what offload copied, on the device again; the copy is begun on a stream
// of its own, and the stream that computes waits for all copies at joinCopies.
napi_value fetch(Call& call) {
  const at::Tensor from = call.tensor(0);
  const c10::Device where(call.text(1));
  const c10::impl::VirtualGuardImpl device(where.type());
  const c10::Stream computing = device.getStream(where), copying = copy_stream(where);
  const at::Tensor to = at::empty(from.sizes(), from.options().device(where).pinned_memory(false));
  // The memory may still be in use by what was put on the stream before.
  wait_for(copying, computing);
  {
    const c10::StreamGuard guard(copying);
    to.copy_(from, /*non_blocking=*/true);
  }
  device.recordDataPtrOnStream(to.storage().data_ptr(), copying);
  return call.handle_of(to);
}

// joinCopies(device): what is computed from here on finds the copies made.
napi_value join_copies(Call& call) {
  const c10::Device where(call.text(0));
  wait_for(c10::impl::VirtualGuardImpl(where.type()).getStream(where), copy_stream(where));
  return call.undefined();
}

} // namespace anneal
