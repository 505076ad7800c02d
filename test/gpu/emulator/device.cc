// Makes libtorch believe in CUDA devices: the guard that chooses one, and the hooks that it asks
// what is there.
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "memory.h"
#include "pinned.h"
#include "streams.h"

namespace emulator {

namespace {

c10::Device device_of(int index) { return {c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)}; }
// A device without a number is the current one.
c10::Device whole(c10::Device device) { return device.has_index() ? device : device_of(current_device()); }

} // namespace

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::DeviceType::CUDA; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device before = getDevice();
    setDevice(device);
    return before;
  }
  c10::Device getDevice() const override { return device_of(current_device()); }
  void setDevice(c10::Device device) const override {
    if (device.has_index()) set_current_device(device.index());
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    if (device.has_index() && device.index() < device_count()) set_current_device(device.index());
  }
  c10::Stream getStream(c10::Device device) const override { return current_stream(whole(device)); }
  c10::Stream getDefaultStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, whole(device));
  }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool is_high_priority) const override {
    return pool_stream(whole(device), is_high_priority);
  }
  // A cudaStream_t, which only the emulator reads.
  void* getStreamNativeHandle(const c10::Stream stream) const override { return reinterpret_cast<void*>(stream.id()); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return exchange_stream(stream); }
  c10::DeviceIndex deviceCount() const noexcept override { return static_cast<c10::DeviceIndex>(device_count()); }
  void record(void** event, const c10::Stream& stream, const c10::DeviceIndex, const c10::EventFlag) const override {
    *event = reinterpret_cast<void*>(event_on(stream));
  }
  void block(void* event, const c10::Stream&) const override { wait_for_event(reinterpret_cast<uint64_t>(event)); }
  bool queryEvent(void* event) const override { return has_passed(reinterpret_cast<uint64_t>(event)); }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream& stream) const override { wait(stream.device_index()); }
  void synchronizeEvent(void*) const override { wait(current_device()); }
  void synchronizeDevice(const c10::DeviceIndex device) const override { wait(device); }
  void recordDataPtrOnStream(const c10::DataPtr& data, const c10::Stream& stream) const override {
    record_on_stream(data.get(), stream);
  }

private:
  static void wait(int device) {
    finish_streams();
    count_wait(device);
  }
};

struct Hooks final : at::CUDAHooksInterface {
  explicit Hooks(at::CUDAHooksArgs) {}
  void init() const override {}
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasCUDA() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  int getNumGPUs() const override { return device_count(); }
  c10::DeviceIndex deviceCount() const override { return static_cast<c10::DeviceIndex>(device_count()); }
  c10::DeviceIndex current_device() const override { return getCurrentDevice(); }
  c10::DeviceIndex getCurrentDevice() const override { return static_cast<c10::DeviceIndex>(emulator::current_device()); }
  c10::Allocator* getCUDADeviceAllocator() const override { return device_allocator(); }
  c10::Allocator* getPinnedMemoryAllocator() const override { return pinned_allocator(); }
  bool isPinnedPtr(const void* data) const override { return is_pinned(data); }
};

namespace {
const struct Start {
  Start() { c10::SetAllocator(c10::DeviceType::CUDA, device_allocator(), 1); }
} start;
} // namespace

} // namespace emulator

namespace at {
C10_REGISTER_CLASS(CUDAHooksRegistry, CUDAHooks, ::emulator::Hooks)
}
namespace c10::impl {
C10_REGISTER_GUARD_IMPL(CUDA, ::emulator::Guard)
}
