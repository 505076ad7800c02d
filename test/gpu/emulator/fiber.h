// Stacks that give way to each other within one thread of the processor (x86-64, System V).
#pragma once

#include <cstddef>

namespace emulator {

// Saves the running stack in *save and goes on where `load` was saved. Keeps what a call keeps;
// nothing is said to the kernel, so that a switch costs some nanoseconds.
extern "C" void emulator_switch(void** save, void* load);

// Memory for `count` stacks side by side. Each ends, at its low side, in a page that cannot be
// touched: a thread that needs more than kStackBytes dies there and does not write into its
// neighbour.
class Stacks {
public:
  static constexpr size_t kStackBytes = 256 << 10;

  // Makes room for at least `count`; what was saved before is lost.
  void reserve(size_t count);
  // A saved stack which, when it is switched to, calls `entry`; `entry` must not return.
  void* prepare(size_t index, void (*entry)());

private:
  char* base_ = nullptr;
  size_t count_ = 0;
};

} // namespace emulator
