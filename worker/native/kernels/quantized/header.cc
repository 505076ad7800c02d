// The header of a quantised weight, kept on the host for weights of a device: read once for each,
// not once for each product, because reading it waits for the device.

#include <torch/library.h>

#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "quantized.h"

namespace anneal::quantized {

namespace {

using at::Tensor;

// A weak reference keeps the address from being taken by other memory; a version is one more after
// each write in place.
struct Kept {
  c10::weak_intrusive_ptr<c10::StorageImpl> memory;
  uint32_t version;
  Header header;
};
using Place = std::pair<const c10::StorageImpl*, int64_t>;

std::mutex mutex;
std::map<Place, Kept>& all_kept() {
  static std::map<Place, Kept> kept;
  return kept;
}

Place place_of(const Tensor& weight) { return {weight.storage().unsafeGetStorageImpl(), weight.storage_offset()}; }

uint32_t version_of(const Tensor& weight) {
  const c10::VariableVersion& version = weight.unsafeGetTensorImpl()->version_counter();
  return version.enabled() ? version.current_version() : 0;
}

Header read(const Tensor& weight) {
  Header h{};
  const Tensor start = weight.is_cpu() ? weight : weight.narrow(0, 0, sizeof(Header)).cpu();
  std::memcpy(&h, start.const_data_ptr(), sizeof h);
  TORCH_CHECK(std::memcmp(h.magic, kMagic, sizeof kMagic) == 0 && h.bytes == weight.numel(),
              "the bytes are no quantised weight; quantize_weight makes one");
  return h;
}

// What a kernel of a device needs to be launched: format, rows, columns.
std::vector<int64_t> shape(const Tensor& weight) {
  const Header h = header_of(weight);
  return {h.format, h.rows, h.columns};
}

}  // namespace

void keep_header(const Tensor& weight, const Header& header) {
  if (weight.is_cpu()) return;
  const std::lock_guard lock(mutex);
  auto& kept = all_kept();
  std::erase_if(kept, [](const auto& one) { return one.second.memory.expired(); });
  kept.insert_or_assign(place_of(weight), Kept{weight.storage().getWeakStorageImpl(), version_of(weight), header});
}

Header header_of(const Tensor& weight) {
  TORCH_CHECK(weight.scalar_type() == at::kByte && weight.dim() == 1 && weight.is_contiguous() &&
                  weight.numel() >= static_cast<int64_t>(sizeof(Header)),
              "weight is ", weight.scalar_type(), " ", weight.sizes(), "; a quantised weight is one piece of bytes");
  if (!weight.is_cpu()) {
    const std::lock_guard lock(mutex);
    const auto found = all_kept().find(place_of(weight));
    if (found != all_kept().end() && found->second.version == version_of(weight)) return found->second.header;
  }
  const Header h = read(weight);
  keep_header(weight, h);
  return h;
}

TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) { m.impl("_quantized_shape", TORCH_FN(shape)); }

}  // namespace anneal::quantized
