// The loops of fp4.h, compiled once an instruction set: kTile rows at a time, one beside the other.
#include "../philox/philox_lanes.h"
#include "fp4.h"
#include "scales.h"

namespace anneal::fp4::ANNEAL_ISA {

namespace {

using philox::ANNEAL_ISA::draw;
using philox::ANNEAL_ISA::kLanes;
using philox::ANNEAL_ISA::kWords;

struct Tile {
  float values[kMostGroup][kTile];
  uint32_t largest[kTile];
};

inline float load(const float& place) { return place; }
inline float load(const uint16_t& place) { return from_bfloat16(place); }

template <class T> void read(const Job& job, int64_t row, int64_t group, Tile& tile) {
  const T* x = static_cast<const T*>(job.x);
  const int64_t first = group * job.size;
  const int rows = static_cast<int>(job.rows - row < kTile ? job.rows - row : kTile);
  const int depth = static_cast<int>(job.depth - first < job.size ? job.depth - first : job.size);
  if (rows < kTile || depth < job.size) memset(tile.values, 0, sizeof tile.values);
  if (job.columns) {
    for (int j = 0; j < depth; ++j) {
      const T* from = x + (first + j) * job.ld + row;
      for (int l = 0; l < rows; ++l) tile.values[j][l] = load(from[l]);
    }
  } else {
    for (int l = 0; l < rows; ++l) {
      const T* from = x + (row + l) * job.ld + first;
      for (int j = 0; j < depth; ++j) tile.values[j][l] = load(from[j]);
    }
  }
}

void rotate(const Job& job, Tile& tile) {
  const int size = job.size;
  for (int j = 0; j < size; ++j) {
    const float sign = job.signs >> j & 1 ? -1.0f : 1.0f;
    for (int l = 0; l < kTile; ++l) tile.values[j][l] *= sign;
  }
  for (int half = size / 2; half > 0; half /= 2)
    for (int j = 0; j < size; ++j) {
      if (j & half) continue;
      float *a = tile.values[j], *b = tile.values[j + half];
      for (int l = 0; l < kTile; ++l) {
        const float sum = a[l] + b[l], rest = a[l] - b[l];
        a[l] = sum;
        b[l] = rest;
      }
    }
  const float factor = size == 16 ? 0.25f : 0.17677669529663687f;
  for (int j = 0; j < size; ++j)
    for (int l = 0; l < kTile; ++l) tile.values[j][l] *= factor;
}

void prepare(const Job& job, int64_t task, Tile& tile) {
  const int64_t row = task / job.groups * kTile, group = task % job.groups;
  if (job.is_bfloat16)
    read<uint16_t>(job, row, group, tile);
  else
    read<float>(job, row, group, tile);
  if (job.rotates) rotate(job, tile);
  memset(tile.largest, 0, sizeof tile.largest);
  for (int j = 0; j < job.size; ++j)
    for (int l = 0; l < kTile; ++l) {
      const uint32_t bits = float_to_bits(tile.values[j][l]) & 0x7fffffffu;
      tile.largest[l] = bits > tile.largest[l] ? bits : tile.largest[l];
    }
}

uint32_t largest(const Job& job, int64_t begin, int64_t end) {
  Tile tile;
  uint32_t most = 0;
  for (int64_t task = begin; task < end; ++task) {
    prepare(job, task, tile);
    for (int l = 0; l < kTile; ++l) most = tile.largest[l] > most ? tile.largest[l] : most;
  }
  return most;
}

// Draws of a group for the rows of a tile.
void draw_tile(const Job& job, int64_t row, int64_t group, float (*draws)[kTile]) {
  uint32_t words[kWords];
  uint16_t halves[2 * kWords];
  for (int block = 0; block < job.size / 8; ++block) {
    const int64_t first = (group * (job.size / 8) + block) * job.rows + row;
    for (int l = 0; l < kTile; l += kLanes) {
      draw(job.key, kDomain, job.site, static_cast<uint64_t>(first + l), words);
      memcpy(halves, words, sizeof halves);
      for (int j = 0; j < 8; ++j)
        for (int i = 0; i < kLanes; ++i)
          draws[8 * block + j][l + i] = (static_cast<float>(halves[8 * i + j]) + 0.5f) * 0x1p-16f;
    }
  }
}

void encode(const Job& job, int64_t begin, int64_t end) {
  Tile tile;
  float scales[kTile], draws[kMostGroup][kTile];
  uint8_t codes[kMostGroup][kTile], bytes[kTile];
  for (int64_t task = begin; task < end; ++task) {
    const int64_t row = task / job.groups * kTile, group = task % job.groups;
    const int rows = static_cast<int>(job.rows - row < kTile ? job.rows - row : kTile);
    prepare(job, task, tile);
    if (job.square)
      for (int l = 0; l < kTile; l += kSquare) {
        uint32_t most = 0;
        for (int i = 0; i < kSquare; ++i) most = tile.largest[l + i] > most ? tile.largest[l + i] : most;
        for (int i = 0; i < kSquare; ++i) tile.largest[l + i] = most;
      }
    for (int l = 0; l < kTile; ++l) {
      const Scale s = job.format == kNVFP4 ? scale_in_float8(tile.largest[l], job.global, job.stochastic)
                                           : power_of_two(tile.largest[l], job.stochastic);
      scales[l] = s.value;
      bytes[l] = s.code;
    }
    if (job.stochastic) {
      draw_tile(job, row, group, draws);
      for (int j = 0; j < job.size; ++j)
        for (int l = 0; l < kTile; ++l)
          codes[j][l] = static_cast<uint8_t>(to_float4_stochastic(tile.values[j][l] / scales[l], draws[j][l]));
    } else {
      for (int j = 0; j < job.size; ++j)
        for (int l = 0; l < kTile; ++l)
          codes[j][l] = static_cast<uint8_t>(to_float4(tile.values[j][l] / scales[l]));
    }
    const int step = job.square ? kSquare : 1;
    for (int l = 0; l < rows; l += step) job.scales[(row + l) / step * job.groups + group] = bytes[l];
    for (int l = 0; l < rows; ++l) {
      uint8_t* to = job.codes + ((row + l) * job.groups + group) * (job.size / 2);
      for (int j = 0; j < job.size; j += 2)
        to[j / 2] = static_cast<uint8_t>(codes[j][l] | codes[j + 1][l] << 4);
    }
  }
}

inline void store(float& place, float value) { place = value; }
inline void store(uint16_t& place, float value) { place = static_cast<uint16_t>(float_to_bits(value) >> 16); }

template <int size, class T> void decode(const Coded& from, T* to, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const uint8_t* scales = from.scales + row / (from.square ? kSquare : 1) * from.groups;
    for (int64_t group = 0; group < from.groups; ++group) {
      const uint8_t code = scales[group];
      const float scale = from.format == kNVFP4 ? from_float8(code)
                          : code == 255         ? bits_to_float(0x7fc00000u)
                                                : bits_to_float(static_cast<uint32_t>(code) << 23);
      const int64_t at = row * from.groups + group;
      const uint8_t* codes = from.codes + at * (size / 2);
      T* values = to + at * size;
      // Halves apart, as vectors have them.
      T low[size / 2], high[size / 2];
      for (int i = 0; i < size / 2; ++i) store(low[i], from_float4(codes[i]) * scale);
      for (int i = 0; i < size / 2; ++i) store(high[i], from_float4(codes[i] >> 4) * scale);
      for (int i = 0; i < size / 2; ++i) {
        values[2 * i] = low[i];
        values[2 * i + 1] = high[i];
      }
    }
  }
}

template <class T> void decode_any(const Coded& from, T* to, int64_t begin, int64_t end) {
  if (from.size == 16)
    decode<16>(from, to, begin, end);
  else
    decode<32>(from, to, begin, end);
}

}  // namespace

const Loops loops = {largest, encode, decode_any<float>, decode_any<uint16_t>};

}  // namespace anneal::fp4::ANNEAL_ISA
