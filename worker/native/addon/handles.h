// Tensors that JavaScript can see.
//
// A handle is a 31-bit integer, 20 bits of slot and 11 of generation: V8 keeps it unboxed, a scope
// is a plain vector of numbers, and a handle whose slot has been used again is caught instead of
// read. (A generation wraps after 2,047 uses of its slot; a stale handle is missed with that
// chance.)
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace anneal {

using Handle = int32_t;

class HandleTable {
 public:
  // The new handle belongs to the innermost open scope, or to the caller when none is open.
  Handle add(at::Tensor tensor);
  const at::Tensor& at(Handle handle) const;
  void release(Handle handle);

  // What is made in the scope and names no device lies on `device`; without one, where the scope
  // outside has it.
  void begin_scope(std::optional<c10::Device> device = std::nullopt);
  // Releases what was made since begin_scope; `kept` moves to the scope outside. The scope ends
  // even when this throws because something in `kept` is not alive.
  void end_scope(const std::vector<Handle>& kept);
  // Takes a handle out of every scope: from here on only release() ends it.
  void keep(Handle handle);

  size_t live() const { return live_; }
  size_t open_scopes() const { return marks_.size(); }
  // Of the innermost open scope; the processor where none is open.
  c10::Device device() const { return devices_.empty() ? c10::Device(c10::kCPU) : devices_.back(); }

 private:
  enum class Owner : uint8_t { kScope, kCaller, kMoving };
  struct Slot {
    at::Tensor tensor;
    int32_t generation = 0;
    Owner owner = Owner::kScope;
  };

  Slot* find(Handle handle);
  const Slot* find(Handle handle) const;
  void free_slot(Slot& slot);
  void close_scope(const std::vector<Handle>& kept);

  std::vector<Slot> slots_;
  std::vector<int32_t> unused_;
  std::vector<Handle> scoped_; // all scopes, innermost last
  std::vector<size_t> marks_;  // where each open scope begins in scoped_
  std::vector<c10::Device> devices_; // of each open scope
  size_t live_ = 0;
};

} // namespace anneal
