#include "handles.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <utility>

namespace anneal {

namespace {

constexpr int kSlotBits = 20;
constexpr int32_t kSlotMask = (1 << kSlotBits) - 1;
constexpr int32_t kLastGeneration = (1 << 11) - 1;

} // namespace

Handle HandleTable::add(at::Tensor tensor) {
  int32_t index;
  if (unused_.empty()) {
    index = static_cast<int32_t>(slots_.size());
    TORCH_CHECK(index <= kSlotMask, "more than ", kSlotMask, " tensors are held by JavaScript");
    slots_.emplace_back();
  } else {
    index = unused_.back();
    unused_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.tensor = std::move(tensor);
  slot.generation = slot.generation == kLastGeneration ? 1 : slot.generation + 1;
  slot.owner = marks_.empty() ? Owner::kCaller : Owner::kScope;
  ++live_;
  const Handle handle = slot.generation << kSlotBits | index;
  if (!marks_.empty())
    scoped_.push_back(handle);
  return handle;
}

HandleTable::Slot* HandleTable::find(Handle handle) {
  return const_cast<Slot*>(std::as_const(*this).find(handle));
}

const HandleTable::Slot* HandleTable::find(Handle handle) const {
  const size_t index = static_cast<size_t>(handle & kSlotMask);
  if (handle <= 0 || index >= slots_.size())
    return nullptr;
  const Slot& slot = slots_[index];
  const bool current = slot.tensor.defined() && slot.generation == handle >> kSlotBits;
  return current ? &slot : nullptr;
}

const at::Tensor& HandleTable::at(Handle handle) const {
  const Slot* slot = find(handle);
  TORCH_CHECK(slot != nullptr, "this tensor was released");
  return slot->tensor;
}

void HandleTable::release(Handle handle) {
  if (Slot* slot = find(handle))
    free_slot(*slot);
}

void HandleTable::free_slot(Slot& slot) {
  unused_.push_back(static_cast<int32_t>(&slot - slots_.data()));
  slot.tensor.reset();
  --live_;
}

void HandleTable::begin_scope(std::optional<c10::Device> given) {
  devices_.push_back(given.value_or(device()));
  marks_.push_back(scoped_.size());
}

void HandleTable::end_scope(const std::vector<Handle>& kept) {
  TORCH_CHECK(!marks_.empty(), "no scope is open");
  const bool stale = std::any_of(kept.begin(), kept.end(),
                                 [this](Handle handle) { return find(handle) == nullptr; });
  if (stale) {
    close_scope({});
    TORCH_CHECK(false, "a tensor in the result of a scope was released inside it");
  }
  close_scope(kept);
}

void HandleTable::close_scope(const std::vector<Handle>& kept) {
  for (const Handle handle : kept) {
    Slot* slot = find(handle);
    if (slot->owner == Owner::kScope)
      slot->owner = Owner::kMoving;
  }
  const size_t mark = marks_.back();
  marks_.pop_back();
  devices_.pop_back();
  const bool outermost = marks_.empty();
  size_t end = mark;
  for (size_t i = mark; i < scoped_.size(); ++i) {
    Slot* slot = find(scoped_[i]);
    if (slot == nullptr || slot->owner == Owner::kCaller)
      continue;
    if (slot->owner == Owner::kScope) {
      free_slot(*slot);
    } else if (outermost) {
      slot->owner = Owner::kCaller;
    } else {
      scoped_[end++] = scoped_[i];
    }
  }
  scoped_.resize(end);
  for (const Handle handle : kept) {
    Slot* slot = find(handle);
    if (slot->owner == Owner::kMoving)
      slot->owner = Owner::kScope;
  }
}

void HandleTable::keep(Handle handle) {
  Slot* slot = find(handle);
  TORCH_CHECK(slot != nullptr, "this tensor was released");
  slot->owner = Owner::kCaller;
}

} // namespace anneal
