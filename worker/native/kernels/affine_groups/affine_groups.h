// Numbers in a few bits: groups of up to 256 neighbours of a row share a scale and a zero
// (worker/methods/weights/affine-groups.ts says why the range is as it is).
//
//   code    low = min(x, 0), high = max(x, 0) of the group     s = max((high - low) / (2^bits - 2), 1e-12)     z = ceil(-low / s)
//           q = min(max(trunc(x / s + z + u), 0), 2^bits - 1)
//   decode  x = (q - z) s, rounded once to the type that is wanted
//   add     x = (x + (q - z) s) kept, for codes that are changed by a product of low rank before they are coded again
//
// u is 1/2 to nearest; stochastically it is (h + 1/2) 2^-16, where h are 16 bits of Philox4x32-10
// (philox.h): value i of group g takes half i % 8 of block 32 g + i / 8 of domain kDomain, halves
// of the four words in order, low half first. So a code depends on the key and its place alone, and
// is the same on each device and for any number of threads. All arithmetic is float32, each
// operation rounded. A group with a value that is not finite has a scale that is none.
//
// x [rows, columns] float32 · codes like it, uint8; of 4 bits that are read they are two in a byte,
// the first in the low half, flat over all rows · s [rows, groups] float32 · z [rows, groups]
// uint8.
#pragma once

#include <stdint.h>

namespace anneal::affine_groups {

// Third counter word; philox.h uses 0 and 1, worker/tensor/streams.ts 2, sample_round.h 3.
constexpr uint32_t kDomain = 4;
constexpr int kMost = 256;          // values of a group
constexpr int kBlocks = kMost / 8;  // Philox blocks of a group
constexpr float kLeast = 1e-12f;    // scale of a group that is narrower

struct Coding {
  int size; // of a group
  int last; // largest code
  bool stochastic;
  uint64_t key;
  uint8_t *codes;
  float *scales;
  uint8_t *zeros;
};

struct Coded {
  int size;
  bool in_halves;
  const uint8_t *codes;
  const float *scales;
  const uint8_t *zeros;
};

// Groups [first, first + count); x begins with the first of them.
using Code = void(const float *x, const Coding &to, int64_t first, int64_t count);
using Decode = void(const Coded &from, float *x, int64_t first, int64_t count);
using DecodeBfloat16 = void(const Coded &from, uint16_t *x, int64_t first, int64_t count);
using Add = void(const Coded &from, float kept, float *x, int64_t first, int64_t count);

namespace portable {
Code code;
Decode decode;
DecodeBfloat16 decode_bfloat16;
Add add;
} // namespace portable
namespace avx2 {
Code code;
Decode decode;
DecodeBfloat16 decode_bfloat16;
Add add;
} // namespace avx2
namespace avx512 {
Code code;
Decode decode;
DecodeBfloat16 decode_bfloat16;
Add add;
} // namespace avx512

} // namespace anneal::affine_groups
