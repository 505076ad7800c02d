#include "fiber.h"

#include <sys/mman.h>

#include <new>

namespace emulator {

// The registers that a function must keep for its caller are all that a switch has to keep.
asm(R"(
.text
.globl emulator_switch
.hidden emulator_switch
.type emulator_switch,@function
emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulator_switch,.-emulator_switch
)");

namespace {
constexpr size_t kPageBytes = 4096;
constexpr size_t kKeptRegisters = 6;
} // namespace

void Stacks::reserve(size_t count) {
  if (count <= count_) return;
  if (base_ != nullptr) munmap(base_, count_ * kStackBytes);
  base_ = nullptr;
  count_ = 0;
  void* memory = mmap(nullptr, count * kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<char*>(memory);
  count_ = count;
  for (size_t i = 0; i < count; ++i) mprotect(base_ + i * kStackBytes, kPageBytes, PROT_NONE);
}

void* Stacks::prepare(size_t index, void (*entry)()) {
  // Where `ret` goes, above it one word so that the stack is aligned as it is behind a call.
  void** top = reinterpret_cast<void**>(base_ + (index + 1) * kStackBytes) - 2;
  *top = reinterpret_cast<void*>(entry);
  return top - kKeptRegisters;
}

} // namespace emulator
