// Which attention of a GPU is libtorch's flash attention, and which ours: decided from type and
// shape alone, without a look at a device.
#pragma once

#include <stdint.h>

namespace anneal::attention {

struct FlashCase {
  bool is_bfloat16;
  int64_t size; // of a head
  int64_t documents;
  double cap;
  bool is_aligned; // rows of heads begin at multiples of 16 bytes
  int capability;  // 90: sm_90
};

// It has no score caps, no heads but of multiples of 8 values up to 256, and needs tensor cores of
// sm_80.
constexpr bool flash_takes(const FlashCase& c) {
  return c.is_bfloat16 && c.size >= 8 && c.size <= 256 && c.size % 8 == 0 && c.documents > 0 && c.cap == 0 &&
         c.is_aligned && c.capability >= 80;
}

static_assert(flash_takes({true, 64, 3, 0, true, 80}) && flash_takes({true, 256, 1, 0, true, 90}));
static_assert(!flash_takes({false, 64, 3, 0, true, 90}), "float32 keeps its arithmetic");
static_assert(!flash_takes({true, 36, 3, 0, true, 90}) && !flash_takes({true, 264, 3, 0, true, 90}));
static_assert(!flash_takes({true, 64, 0, 0, true, 90}), "no document");
static_assert(!flash_takes({true, 64, 3, 50, true, 90}), "a cap");
static_assert(!flash_takes({true, 64, 3, 0, false, 90}) && !flash_takes({true, 64, 3, 0, true, 75}));

} // namespace anneal::attention
