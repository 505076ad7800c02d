// A whole file as a uint8 tensor, without reading it: weights are used straight from the page
// cache.
//
// The mapping is private and writable: reading needs no copy, writing copies page by page and never
// reaches the file. releasePages drops pages again, and with them anything written to them.

#include <ATen/EmptyTensor.h>
#include <ATen/ops/from_blob.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include "exports.h"

namespace anneal {

namespace {

// Start → end of every live mapping, so that releasePages touches nothing else: the same advice on
// the heap would zero live tensors.
class Mappings {
 public:
  void add(uintptr_t start, size_t size) {
    const std::lock_guard lock(mutex_);
    ends_[start] = start + size;
  }
  void remove(uintptr_t start) {
    const std::lock_guard lock(mutex_);
    ends_.erase(start);
  }
  bool contains(uintptr_t start, uintptr_t end) {
    const std::lock_guard lock(mutex_);
    const auto next = ends_.upper_bound(start);
    return next != ends_.begin() && end <= std::prev(next)->second;
  }

 private:
  std::mutex mutex_;
  std::map<uintptr_t, uintptr_t> ends_;
};

Mappings& mappings() {
  static Mappings* const all = new Mappings; // outlives every tensor, static ones included
  return *all;
}

class File {
 public:
  explicit File(const std::string& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    TORCH_CHECK(descriptor_ >= 0, path, ": ", std::strerror(errno));
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

} // namespace

napi_value map(Call& call) {
  const std::string path = call.text(0);
  const File file(path);
  struct stat status;
  TORCH_CHECK(fstat(file.descriptor(), &status) == 0, path, ": ", std::strerror(errno));
  TORCH_CHECK(S_ISREG(status.st_mode), path, " is not a file");
  TORCH_CHECK(status.st_size > 0, path, " is empty");
  const size_t size = static_cast<size_t>(status.st_size);
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                    file.descriptor(), 0);
  TORCH_CHECK(data != MAP_FAILED, path, ": ", std::strerror(errno));
  mappings().add(reinterpret_cast<uintptr_t>(data), size);
  const auto unmap = [size](void* start) {
    mappings().remove(reinterpret_cast<uintptr_t>(start));
    munmap(start, size);
  };
  return call.handle_of(
      at::from_blob(data, {status.st_size}, unmap, at::TensorOptions().dtype(at::kByte)));
}

// releasePages(tensor) → bytes given back; 0 for a tensor that is not a slice of a mapped file.
napi_value release_pages(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  if (!tensor.is_cpu() || tensor.numel() == 0)
    return call.number(0);
  const uintptr_t start = reinterpret_cast<uintptr_t>(tensor.const_data_ptr());
  const uintptr_t end = start + at::detail::computeStorageNbytes(tensor.sizes(), tensor.strides(),
                                                                 tensor.element_size());
  if (!mappings().contains(start, end))
    return call.number(0);
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t first = (start + page - 1) / page * page;
  const uintptr_t last = end / page * page;
  if (last <= first)
    return call.number(0);
  const int result = madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  TORCH_CHECK(result == 0, "madvise: ", std::strerror(errno));
  return call.number(static_cast<double>(last - first));
}

} // namespace anneal
