// Values of a tensor in an open file and back, without a copy in JavaScript: what waits outside
// memory must not wait in a heap.

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "exports.h"

namespace anneal {

namespace {

void require_plain(const at::Tensor& tensor) {
  TORCH_CHECK(tensor.device().is_cpu() && tensor.is_contiguous(),
              "only a contiguous tensor of the processor goes to a file");
}

} // namespace

// writeValues(tensor, file, position) → 0, or the number of the system's error.
napi_value write_values(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  require_plain(tensor);
  const int file = static_cast<int>(call.integer64(1));
  off_t position = call.integer64(2);
  const char* data = static_cast<const char*>(tensor.const_data_ptr());
  for (size_t left = tensor.nbytes(); left > 0;) {
    const ssize_t written = pwrite(file, data, left, position);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return call.number(errno);
    data += written;
    position += written;
    left -= static_cast<size_t>(written);
  }
  return call.number(0);
}

// readValues(tensor, file, position) fills the tensor.
napi_value read_values(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  require_plain(tensor);
  const int file = static_cast<int>(call.integer64(1));
  off_t position = call.integer64(2);
  char* data = static_cast<char*>(tensor.mutable_data_ptr());
  for (size_t left = tensor.nbytes(); left > 0;) {
    const ssize_t read = pread(file, data, left, position);
    if (read < 0 && errno == EINTR)
      continue;
    TORCH_CHECK(read >= 0, "values that were put aside cannot be read: ", std::strerror(errno));
    TORCH_CHECK(read > 0, "the file of values that were put aside ends before them");
    data += read;
    position += read;
    left -= static_cast<size_t>(read);
  }
  return call.undefined();
}

} // namespace anneal
