// One block of each type, bytes to floats, as the formats define it. Low nibbles are the first half
// of a group of values, high nibbles the second; scales are IEEE half precision.
#pragma once

#include <c10/util/Half.h>

#include <stdint.h>
#include <string.h>

#include "../host_device.h"

namespace anneal::gguf {

ANNEAL_HOST_DEVICE inline float half_at(const uint8_t* bytes) {
  c10::Half value;
  memcpy(&value, bytes, sizeof value);
  return static_cast<float>(value);
}

struct Q4_0 {
  static constexpr int64_t kValues = 32, kBytes = 18;
  ANNEAL_HOST_DEVICE static void decode(const uint8_t* block, float* out) {
    const float d = half_at(block);
    for (int i = 0; i < 16; ++i) {
      const int byte = block[2 + i];
      out[i] = d * static_cast<float>((byte & 15) - 8);
      out[i + 16] = d * static_cast<float>((byte >> 4) - 8);
    }
  }
};

struct Q4_1 {
  static constexpr int64_t kValues = 32, kBytes = 20;
  ANNEAL_HOST_DEVICE static void decode(const uint8_t* block, float* out) {
    const float d = half_at(block);
    const float m = half_at(block + 2);
    for (int i = 0; i < 16; ++i) {
      const int byte = block[4 + i];
      out[i] = d * static_cast<float>(byte & 15) + m;
      out[i + 16] = d * static_cast<float>(byte >> 4) + m;
    }
  }
};

ANNEAL_HOST_DEVICE inline uint32_t fifth_bits(const uint8_t* bytes) {
  return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

struct Q5_0 {
  static constexpr int64_t kValues = 32, kBytes = 22;
  ANNEAL_HOST_DEVICE static void decode(const uint8_t* block, float* out) {
    const float d = half_at(block);
    const uint32_t high = fifth_bits(block + 2);
    for (int i = 0; i < 16; ++i) {
      const int byte = block[6 + i];
      const int low_value = (byte & 15) | ((high >> i) & 1) << 4;
      const int high_value = (byte >> 4) | ((high >> (i + 16)) & 1) << 4;
      out[i] = d * static_cast<float>(low_value - 16);
      out[i + 16] = d * static_cast<float>(high_value - 16);
    }
  }
};

struct Q5_1 {
  static constexpr int64_t kValues = 32, kBytes = 24;
  ANNEAL_HOST_DEVICE static void decode(const uint8_t* block, float* out) {
    const float d = half_at(block);
    const float m = half_at(block + 2);
    const uint32_t high = fifth_bits(block + 4);
    for (int i = 0; i < 16; ++i) {
      const int byte = block[8 + i];
      const int low_value = (byte & 15) | ((high >> i) & 1) << 4;
      const int high_value = (byte >> 4) | ((high >> (i + 16)) & 1) << 4;
      out[i] = d * static_cast<float>(low_value) + m;
      out[i + 16] = d * static_cast<float>(high_value) + m;
    }
  }
};

struct Q8_0 {
  static constexpr int64_t kValues = 32, kBytes = 34;
  ANNEAL_HOST_DEVICE static void decode(const uint8_t* block, float* out) {
    const float d = half_at(block);
    for (int i = 0; i < 32; ++i) {
      out[i] = d * static_cast<float>(static_cast<int8_t>(block[2 + i]));
    }
  }
};

// Eight pairs of 6-bit scale and minimum in 12 bytes: bytes 0-3 scales of groups 0-3, bytes 4-7
// their minima, bytes 8-11 the low 4 bits of groups 4-7, whose upper 2 bits are the upper 2 bits of
// bytes 0-7.
ANNEAL_HOST_DEVICE inline void scale_and_min(const uint8_t* scales, int group, int* scale, int* min) {
  if (group < 4) {
    *scale = scales[group] & 63;
    *min = scales[group + 4] & 63;
  } else {
    const int byte = scales[group + 4];
    *scale = (byte & 15) | (scales[group - 4] >> 6) << 4;
    *min = (byte >> 4) | (scales[group] >> 6) << 4;
  }
}

// 16 groups of 16: bytes 0-15 a step and a base in four bits each, then two bits a value. Two
// halves of 128 values; in each, 32 bytes with four pairs of bits.
struct Q2_K {
  static constexpr int64_t kValues = 256, kBytes = 84;
  ANNEAL_HOST_DEVICE static void decode(const uint8_t* block, float* out) {
    const float d = half_at(block + 80);
    const float dmin = half_at(block + 82);
    for (int group = 0; group < 16; ++group) {
      const float step = d * static_cast<float>(block[group] & 15);
      const float base = dmin * static_cast<float>(block[group] >> 4);
      const uint8_t* pairs = block + 16 + 32 * (group / 8) + 16 * (group % 2);
      const int shift = group / 2 % 4 * 2;
      for (int i = 0; i < 16; ++i) {
        out[16 * group + i] = step * static_cast<float>((pairs[i] >> shift) & 3) - base;
      }
    }
  }
};

// 16 groups of 16: 32 bytes with the third bit of each value, 64 with two bits as in Q2_K, 12 with
// the steps: their lower four bits, of step i and i + 8, then their upper two.
struct Q3_K {
  static constexpr int64_t kValues = 256, kBytes = 110;
  ANNEAL_HOST_DEVICE static void decode(const uint8_t* block, float* out) {
    const float d = half_at(block + 108);
    const uint8_t* steps = block + 96;
    for (int group = 0; group < 16; ++group) {
      const int low = (steps[group % 8] >> (group / 8 * 4)) & 15;
      const int high = (steps[8 + group % 4] >> (group / 4 * 2)) & 3;
      const float step = d * static_cast<float>((low | high << 4) - 32);
      const uint8_t* pairs = block + 32 + 32 * (group / 8) + 16 * (group % 2);
      const uint8_t* thirds = block + 16 * (group % 2);
      const int shift = group / 2 % 4 * 2;
      for (int i = 0; i < 16; ++i) {
        const int value = ((pairs[i] >> shift) & 3) | ((thirds[i] >> (group / 2)) & 1) << 2;
        out[16 * group + i] = step * static_cast<float>(value - 4);
      }
    }
  }
};

struct Q4_K {
  static constexpr int64_t kValues = 256, kBytes = 144;
  ANNEAL_HOST_DEVICE static void decode(const uint8_t* block, float* out) {
    const float d = half_at(block);
    const float dmin = half_at(block + 2);
    for (int group = 0; group < 8; ++group) {
      int scale, min;
      scale_and_min(block + 4, group, &scale, &min);
      const float step = d * static_cast<float>(scale);
      const float base = dmin * static_cast<float>(min);
      const uint8_t* nibbles = block + 16 + 32 * (group / 2);
      const int shift = 4 * (group % 2);
      for (int i = 0; i < 32; ++i) {
        out[32 * group + i] = step * static_cast<float>((nibbles[i] >> shift) & 15) - base;
      }
    }
  }
};

struct Q5_K {
  static constexpr int64_t kValues = 256, kBytes = 176;
  ANNEAL_HOST_DEVICE static void decode(const uint8_t* block, float* out) {
    const float d = half_at(block);
    const float dmin = half_at(block + 2);
    const uint8_t* fifths = block + 16;
    for (int group = 0; group < 8; ++group) {
      int scale, min;
      scale_and_min(block + 4, group, &scale, &min);
      const float step = d * static_cast<float>(scale);
      const float base = dmin * static_cast<float>(min);
      const uint8_t* nibbles = block + 48 + 32 * (group / 2);
      const int shift = 4 * (group % 2);
      for (int i = 0; i < 32; ++i) {
        const int value = ((nibbles[i] >> shift) & 15) | ((fifths[i] >> group) & 1) << 4;
        out[32 * group + i] = step * static_cast<float>(value) - base;
      }
    }
  }
};

// Two halves of 128 values; in each, 64 bytes of low nibbles and 32 bytes with four pairs of upper
// bits.
struct Q6_K {
  static constexpr int64_t kValues = 256, kBytes = 210;
  ANNEAL_HOST_DEVICE static void decode(const uint8_t* block, float* out) {
    const float d = half_at(block + 208);
    for (int group = 0; group < 8; ++group) {
      const int half = group / 4;
      const int part = group % 4;
      const uint8_t* low = block + 64 * half + 32 * (part % 2);
      const uint8_t* high = block + 128 + 32 * half;
      const int low_shift = 4 * (part / 2);
      for (int i = 0; i < 32; ++i) {
        const int value = ((low[i] >> low_shift) & 15) | ((high[i] >> (2 * part)) & 3) << 4;
        const int scale = static_cast<int8_t>(block[192 + 2 * group + i / 16]);
        out[32 * group + i] = d * static_cast<float>(scale) * static_cast<float>(value - 32);
      }
    }
  }
};

}  // namespace anneal::gguf
