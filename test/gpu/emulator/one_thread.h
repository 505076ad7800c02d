#pragma once
// A device computes alike however many threads its host has. Sums of the processor do not: from
// 32,768 values on they are shared out to threads.
#include <ATen/Parallel.h>

namespace emulator {

class OneThread {
 public:
  OneThread() : before_(at::get_num_threads()) {
    if (before_ != 1) at::set_num_threads(1);
  }
  ~OneThread() {
    if (before_ != 1) at::set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

}  // namespace emulator
