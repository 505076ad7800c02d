// How a quantised matrix lies in memory: one piece of bytes that says itself what it is, so that a
// weight stays one tensor wherever it goes. No libtorch and no standard library here: this header
// is compiled once for each instruction set and for GPUs (isa.h); its functions are static for that
// reason.
//
//   header · codes, row after row · a scale for each group · what the scales are made from
//
// A group is 2^group_shift neighbours of a row, or the whole row. Sections begin at multiples of 64
// bytes.
#pragma once

#include <stdint.h>

#include "../bfloat16.h"
#include "../host_device.h"

namespace anneal::quantized {

enum Format : int32_t { kNF4 = 1, kNF4Double = 2, kInt8 = 3, kInt4 = 4, kInt3 = 5, kInt2 = 6 };

// Whole numbers in groups with a step and a zero.
ANNEAL_HOST_DEVICE static constexpr bool has_zeros(int32_t format) { return format >= kInt4; }
ANNEAL_HOST_DEVICE static constexpr int bits_of(int32_t format) {
  return format == kInt8 ? 8 : format == kInt3 ? 3 : format == kInt2 ? 2 : 4;
}

constexpr int kNested = 256;        // scales that share one scale of their own
constexpr int kWholeRow = 63;       // group_shift: every column is in group 0
constexpr int64_t kSection = 64;    // bytes
constexpr int kFewRows = 8;         // of x, up to which a device decodes codes inside the product
constexpr char kMagic[8] = {'q', 'u', 'a', 'n', 't', 'i', 'z', '1'};

struct Header {
  char magic[8];
  int32_t format;
  int32_t group_shift;
  int64_t rows, columns;
  int64_t row_bytes;   // of codes
  int64_t row_groups;  // scales of a row
  // Offsets of sections from the header's first byte; 0 where the format has none.
  int64_t codes;   // 4 bits: the first of two values in the high half; 8 bits: signed; 3 and 2 bits: one
                   // after the other from the lowest, so eight are 3 or 2 bytes
  int64_t scales;  // float32: the largest magnitude; NF4Double: uint8, an index into map; Int4, Int3, Int2: bfloat16, the step
  int64_t zeros;   // Int4, Int3, Int2: uint8, the code of zero
  int64_t nested;  // NF4Double: float32 for each kNested scales
  int64_t map;     // NF4Double: 256 float32
  int64_t bytes;   // of everything
  float offset;    // NF4Double: added to every scale
  int32_t unused[7];
};
static_assert(sizeof(Header) == 128);

// Values of the code NF4, quantiles of a normal distribution (QLoRA, appendix E).
ANNEAL_HOST_DEVICE static constexpr float nf4_value(int code) {
  constexpr float values[16] = {
      -1.0f,                 -0.6961928009986877f,  -0.5250730514526367f, -0.39491748809814453f,
      -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
      0.07958029955625534f,  0.16093020141124725f,  0.24611230194568634f, 0.33791524171829224f,
      0.44070982933044434f,  0.5626170039176941f,   0.7229568362236023f,  1.0f};
  return values[code];
}

ANNEAL_HOST_DEVICE static inline const Header& header_at(const void* bytes) {
  return *static_cast<const Header*>(bytes);
}

template <class T>
ANNEAL_HOST_DEVICE static inline const T* section(const Header& h, int64_t offset) {
  return reinterpret_cast<const T*>(reinterpret_cast<const uint8_t*>(&h) + offset);
}

ANNEAL_HOST_DEVICE static inline int64_t group_of(const Header& h, int64_t row, int64_t column) {
  return row * h.row_groups + (column >> h.group_shift);
}

// Rounded by itself: a GPU's compiler would fuse it with a sum that follows.
ANNEAL_HOST_DEVICE static inline float product(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

// What a code is multiplied by.
template <Format F>
ANNEAL_HOST_DEVICE static inline float scale_of(const Header& h, int64_t group) {
  if constexpr (F == kNF4Double) {
    const float value = section<float>(h, h.map)[section<uint8_t>(h, h.scales)[group]];
    return product(value, section<float>(h, h.nested)[group / kNested]) + h.offset;
  } else if constexpr (has_zeros(F)) {
    return from_bfloat16(section<uint16_t>(h, h.scales)[group]);
  } else {
    const float largest = section<float>(h, h.scales)[group];
    return F == kInt8 ? largest * (1.0f / 127.0f) : largest;
  }
}

// The eight codes that begin at `codes`, of 3 or 2 bits, in the lowest bits of a word.
template <Format F>
ANNEAL_HOST_DEVICE static inline uint32_t eight_codes(const uint8_t* codes) {
  const uint32_t two = codes[0] | static_cast<uint32_t>(codes[1]) << 8;
  return F == kInt3 ? two | static_cast<uint32_t>(codes[2]) << 16 : two;
}

// One value. Loops that read many take a shorter way to the same bits (gemm_read.h).
template <Format F>
ANNEAL_HOST_DEVICE static inline float value_of(const Header& h, int64_t row, int64_t column) {
  const int64_t group = group_of(h, row, column);
  const float scale = scale_of<F>(h, group);
  const uint8_t* codes = section<uint8_t>(h, h.codes) + row * h.row_bytes;
  if constexpr (F == kInt8) {
    return static_cast<float>(static_cast<int8_t>(codes[column])) * scale;
  } else if constexpr (F == kInt3 || F == kInt2) {
    constexpr int bits = bits_of(F);
    const uint32_t eight = eight_codes<F>(codes + column / 8 * bits);
    const int code = static_cast<int>(eight >> (column % 8 * bits)) & ((1 << bits) - 1);
    return static_cast<float>(code - section<uint8_t>(h, h.zeros)[group]) * scale;
  } else {
    const int code = column % 2 ? codes[column / 2] & 15 : codes[column / 2] >> 4;
    if constexpr (F == kInt4)
      return static_cast<float>(code - section<uint8_t>(h, h.zeros)[group]) * scale;
    else
      return nf4_value(code) * scale;
  }
}

} // namespace anneal::quantized
