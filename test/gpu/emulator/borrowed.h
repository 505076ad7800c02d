// Tensors of the processor over the memory of a device, and back: how libtorch's own operators run
// on the emulated device.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <vector>

namespace emulator {

// For one call of an operator. Who uses it holds an Access to the device.
class Borrowed {
public:
  explicit Borrowed(int device) : device_(device) {}

  // A tensor of the processor over the same elements; views of one memory stay views of one memory.
  // Any other tensor is itself.
  at::Tensor lend(const at::Tensor& tensor);
  // What an operator returned, as a tensor of the device: one that was lent is the original, one
  // that was made is copied there.
  at::Tensor give_back(const at::Tensor& tensor);
  // Tells the originals that were lent what the operator has changed in size.
  void settle();

private:
  int device_;
  std::map<c10::StorageImpl*, c10::Storage> lent_;   // of the device → of the processor
  std::map<c10::StorageImpl*, c10::Storage> owners_; // of the processor → of the device
  std::map<c10::TensorImpl*, at::Tensor> originals_; // of the processor → of the device
  std::vector<at::Tensor> alive_;                    // what was lent: its address must not be given to another
};

} // namespace emulator
