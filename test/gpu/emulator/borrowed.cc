#include "borrowed.h"

#include <c10/core/CPUAllocator.h>

#include <cstring>

#include "memory.h"

namespace emulator {

namespace {

at::Tensor tensor_on(const c10::Storage& storage, c10::DispatchKey key, const at::Tensor& like) {
  at::Tensor made = at::detail::make_tensor<c10::TensorImpl>(c10::Storage(storage), c10::DispatchKeySet(key), like.dtype());
  made.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
  return made;
}

} // namespace

at::Tensor Borrowed::lend(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.is_cuda()) return tensor;
  c10::StorageImpl* own = tensor.storage().unsafeGetStorageImpl();
  auto found = lent_.find(own);
  if (found == lent_.end()) {
    c10::DataPtr data(own->mutable_data(), c10::Device(c10::DeviceType::CPU));
    c10::Storage storage(c10::Storage::use_byte_size_t(), own->nbytes(), std::move(data), c10::GetCPUAllocator(),
                         own->resizable());
    owners_.emplace(storage.unsafeGetStorageImpl(), tensor.storage());
    found = lent_.emplace(own, std::move(storage)).first;
  }
  at::Tensor made = tensor_on(found->second, c10::DispatchKey::CPU, tensor);
  if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) made.unsafeGetTensorImpl()->set_wrapped_number(true);
  originals_.emplace(made.unsafeGetTensorImpl(), tensor);
  alive_.push_back(made);
  return made;
}

at::Tensor Borrowed::give_back(const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  if (const auto found = originals_.find(tensor.unsafeGetTensorImpl()); found != originals_.end()) return found->second;
  const auto owner = owners_.find(tensor.storage().unsafeGetStorageImpl());
  if (owner != owners_.end()) return tensor_on(owner->second, c10::DispatchKey::CUDA, tensor);
  const size_t bytes = tensor.storage().nbytes();
  c10::Storage storage(c10::Storage::use_byte_size_t(), bytes, allocate_on(device_, bytes), device_allocator(), true);
  if (bytes > 0) std::memcpy(storage.mutable_data(), tensor.storage().data(), bytes);
  return tensor_on(storage, c10::DispatchKey::CUDA, tensor);
}

void Borrowed::settle() {
  for (auto& [own, alias] : lent_) {
    if (alias.data() == own->data() && alias.nbytes() == own->nbytes()) continue;
    own->set_data_ptr_noswap(allocate_on(device_, alias.nbytes()));
    own->set_nbytes(alias.nbytes());
    if (alias.nbytes() > 0) std::memcpy(own->mutable_data(), alias.data(), alias.nbytes());
  }
  for (const at::Tensor& tensor : alive_) {
    const at::Tensor& original = originals_.at(tensor.unsafeGetTensorImpl());
    if (tensor.sizes() == original.sizes() && tensor.strides() == original.strides()) continue;
    original.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
  }
}

} // namespace emulator
