// Copies between the host and a device, and the order of its streams.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Stream.h>

namespace anneal {

// Memory of the host for a tensor of this shape and type, which a device reads and writes itself.
at::Tensor pinned_like(const at::Tensor& tensor);

// The values on the device, copied through memory that the device reads while the host goes on; the
// tensor itself where it lies there already.
at::Tensor to_device(const at::Tensor& tensor, c10::Device device);

// What is put on `later` from here on begins when `earlier` has done what it has so far.
void wait_for(c10::Stream later, c10::Stream earlier);

} // namespace anneal
