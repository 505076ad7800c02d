// From a dense matrix to codes and scales.

#include <ATen/Parallel.h>
#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "quantized.h"

namespace anneal::quantized {

namespace {

using at::Tensor;

constexpr int64_t kSmallestGroup = 32, kLargestGroup = 4096;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

Header plan(Format format, int64_t rows, int64_t columns, int64_t group) {
  Header h{};
  std::memcpy(h.magic, kMagic, sizeof kMagic);
  h.format = format;
  h.rows = rows;
  h.columns = columns;
  h.group_shift = group == 0 ? kWholeRow : std::countr_zero(static_cast<uint64_t>(group));
  h.row_groups = group == 0 ? 1 : columns / group;
  h.row_bytes = columns * bits_of(format) / 8;
  const int64_t groups = rows * h.row_groups;
  int64_t end = sizeof(Header);
  const auto place = [&](int64_t bytes) {
    const int64_t at = end;
    end = round_up(at + bytes, kSection);
    return at;
  };
  h.codes = place(rows * h.row_bytes);
  h.scales = place(groups * (format == kNF4Double ? 1 : has_zeros(format) ? 2 : 4));
  if (has_zeros(format)) h.zeros = place(groups);
  if (format == kNF4Double) {
    h.nested = place((groups + kNested - 1) / kNested * 4);
    h.map = place(256 * 4);
  }
  h.bytes = end;
  return h;
}

template <class T>
T* writable(Header& h, int64_t offset) {
  return const_cast<T*>(section<T>(h, offset));
}

// Nearest whole number, ties to even, for magnitudes below 2^22.
float rounded(float x) {
  constexpr float shift = 12582912.0f;  // 1.5 * 2^23: the last bit is worth 1
  return (x + shift) - shift;
}

uint16_t bfloat16_above(float x) {
  const uint32_t bits = float_to_bits(x);
  return static_cast<uint16_t>((bits + 0xffffu) >> 16);
}

float largest(const float* w, int64_t count) {
  float most = 0;
  for (int64_t i = 0; i < count; ++i) most = std::max(most, std::fabs(w[i]));
  return most;
}

// Half way between neighbours of the code; a value on a border takes the lower code.
const std::array<float, 15>& borders() {
  static const auto values = [] {
    std::array<float, 15> b{};
    for (int i = 0; i < 15; ++i) b[i] = (nf4_value(i) + nf4_value(i + 1)) / 2;
    return b;
  }();
  return values;
}

void write_halves(const int32_t* codes, int64_t count, uint8_t* to) {
  for (int64_t i = 0; i < count / 2; ++i) to[i] = static_cast<uint8_t>(codes[2 * i] << 4 | codes[2 * i + 1]);
}

float nf4_group(const float* w, int64_t count, uint8_t* to) {
  const float absmax = largest(w, count);
  const float inverse = 1.0f / std::max(absmax, 1e-38f);
  const auto& border = borders();
  int32_t codes[kLargestGroup];
  for (int64_t i = 0; i < count; ++i) {
    const float x = std::min(std::max(w[i] * inverse, -1.0f), 1.0f);
    int32_t code = 0;
    for (int b = 0; b < 15; ++b) code += x > border[b];
    codes[i] = code;
  }
  write_halves(codes, count, to);
  return absmax;
}

float int8_group(const float* w, int64_t count, uint8_t* to) {
  const float absmax = largest(w, count);
  const float inverse = 1.0f / std::max(absmax, 1e-36f) * 127.0f;  // in this order: borders are ties
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<uint8_t>(static_cast<int8_t>(rounded(w[i] * inverse)));
  return absmax;
}

struct Step {
  uint16_t step;
  uint8_t zero;
};

// One after the other from the lowest bit; whole eights.
void write_small(const int32_t* codes, int64_t count, int bits, uint8_t* to) {
  for (int64_t i = 0; i < count; i += 8, to += bits) {
    uint32_t eight = 0;
    for (int j = 0; j < 8; ++j) eight |= static_cast<uint32_t>(codes[i + j]) << (j * bits);
    for (int j = 0; j < bits; ++j) to[j] = static_cast<uint8_t>(eight >> (8 * j));
  }
}

Step integer_group(const float* w, int64_t count, int bits, bool symmetric, uint8_t* to) {
  const int most = (1 << bits) - 1, middle = 1 << (bits - 1);
  float low = 0, high = 0;
  for (int64_t i = 0; i < count; ++i) {
    low = std::min(low, w[i]);
    high = std::max(high, w[i]);
  }
  const float exact = symmetric ? std::max(-low, high) / static_cast<float>(middle - 1) : (high - low) / static_cast<float>(most);
  const uint16_t stored = bfloat16_above(exact > 0 ? exact : 1);
  const float step = from_bfloat16(stored);
  const float zero = symmetric ? static_cast<float>(middle) : rounded(-low / step);
  int32_t codes[kLargestGroup];
  for (int64_t i = 0; i < count; ++i)
    codes[i] = static_cast<int32_t>(std::min(std::max(rounded(w[i] / step) + zero, 0.0f), static_cast<float>(most)));
  if (bits == 4)
    write_halves(codes, count, to);
  else
    write_small(codes, count, bits, to);
  return {stored, static_cast<uint8_t>(zero)};
}

// The map "dynamic" of bitsandbytes: seven decades, each with twice as many linear steps as the one
// below, both signs, 0 and 1. By libtorch's own operators, because its last bits are theirs.
Tensor dynamic_map() {
  std::vector<Tensor> parts{at::zeros({1}), at::zeros({1}).add_(1)};
  for (int decade = 0; decade < 7; ++decade) {
    const Tensor bounds = at::linspace(0.1, 1, (1 << decade) + 1, at::kFloat);
    const Tensor middles = at::add(bounds.narrow(0, 0, 1 << decade), bounds.narrow(0, 1, 1 << decade)).div_(2.0);
    parts.push_back(at::mul(middles, std::pow(10.0, decade - 6)));
    parts.push_back(at::mul(middles, -std::pow(10.0, decade - 6)));
  }
  return std::get<0>(at::cat(parts).sort());
}

// bitsandbytes looks a code up in 65,536 cells of equal width between -1 and 1, each with the code
// of its middle.
struct Cells {
  std::vector<uint8_t> code;
  explicit Cells(const float* map) : code(65536) {
    int next = 0;
    for (int cell = 0; cell < 65536; ++cell) {
      const float middle = static_cast<float>(2 * cell) / 65535.0f - 1.0f;
      while (next < 255 && middle > (map[next] + map[next + 1]) * 0.5f) ++next;
      code[static_cast<size_t>(cell)] = static_cast<uint8_t>(next);
    }
  }
  uint8_t of(float x) const {
    const float share = (std::min(std::max(x, -1.0f), 1.0f) + 1.0f) * 0.5f;
    // One rounding, as a fused multiply-add has: the product is exact in float64.
    return code[static_cast<size_t>(static_cast<float>(share * 65535.0 + 0.5))];
  }
};

// The mean depends on how many threads add, and must not.
Tensor mean_of(const Tensor& values) {
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor mean = values.mean();
  at::set_num_threads(threads);
  return mean;
}

void quantize_scales(Header& h, const Tensor& absmax) {
  const Tensor map = dynamic_map(), mean = mean_of(absmax);
  const Tensor centred = at::sub(absmax, mean);
  std::memcpy(writable<float>(h, h.map), map.const_data_ptr<float>(), 256 * sizeof(float));
  h.offset = mean.item<float>();
  const Cells cells(map.const_data_ptr<float>());
  const float* from = centred.const_data_ptr<float>();
  const int64_t groups = absmax.numel();
  for (int64_t first = 0; first < groups; first += kNested) {
    const int64_t count = std::min<int64_t>(kNested, groups - first);
    const float most = largest(from + first, count);
    writable<float>(h, h.nested)[first / kNested] = most;
    uint8_t* to = writable<uint8_t>(h, h.scales) + first;
    if (most == 0) {
      std::fill(to, to + count, 0);
      continue;
    }
    const float inverse = 1.0f / most;
    for (int64_t i = 0; i < count; ++i) to[i] = cells.of(from[first + i] * inverse);
  }
}

// Row `row` as float32: itself, or widened into `room`.
const float* row_of(const Tensor& weight, int64_t row, std::vector<float>& room) {
  const int64_t columns = weight.size(1);
  if (weight.scalar_type() == at::kFloat) return weight.const_data_ptr<float>() + row * columns;
  const auto* from = static_cast<const uint16_t*>(weight.const_data_ptr()) + row * columns;
  room.resize(static_cast<size_t>(columns));
  for (int64_t i = 0; i < columns; ++i) room[static_cast<size_t>(i)] = from_bfloat16(from[i]);
  return room.data();
}

void quantize_row(Header& h, const float* w, int64_t row, bool symmetric, float* absmax) {
  const int64_t count = h.columns / h.row_groups;
  for (int64_t group = 0; group < h.row_groups; ++group, w += count) {
    const int64_t at = row * h.row_groups + group;
    uint8_t* to = writable<uint8_t>(h, h.codes) + row * h.row_bytes + group * (h.row_bytes / h.row_groups);
    if (has_zeros(h.format)) {
      const Step found = integer_group(w, count, bits_of(h.format), symmetric, to);
      writable<uint16_t>(h, h.scales)[at] = found.step;
      writable<uint8_t>(h, h.zeros)[at] = found.zero;
    } else {
      absmax[at] = h.format == kInt8 ? int8_group(w, count, to) : nf4_group(w, count, to);
    }
  }
}

void check(const Tensor& weight, int64_t format, int64_t group, bool symmetric) {
  TORCH_CHECK(weight.dim() == 2, "weight has the shape ", weight.sizes(), "; it must have two dimensions");
  TORCH_CHECK(weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kBFloat16, "weight has the dtype ",
              weight.scalar_type(), "; it must be float32 or bfloat16");
  TORCH_CHECK(format >= kNF4 && format <= kInt2, "format is ", format,
              "; it must be 1 (NF4), 2 (NF4 with double quantisation), 3 (Int8), 4 (Int4), 5 (Int3) or 6 (Int2)");
  TORCH_CHECK(!symmetric || has_zeros(static_cast<int32_t>(format)), "symmetric is for Int4, Int3 and Int2 alone");
  if (format == kInt8 && group == 0) return;
  TORCH_CHECK(group >= kSmallestGroup && group <= kLargestGroup && std::has_single_bit(static_cast<uint64_t>(group)),
              "group is ", group, "; it must be a power of two from ", kSmallestGroup, " to ", kLargestGroup);
  TORCH_CHECK(weight.size(1) % group == 0, "group is ", group, "; it must divide the ", weight.size(1),
              " columns of the weight");
}

Tensor quantize(const Tensor& given, int64_t format, int64_t group, bool symmetric) {
  check(given, format, group, symmetric);
  const Tensor weight = given.contiguous();
  const Header planned = plan(static_cast<Format>(format), weight.size(0), weight.size(1), group);
  const Tensor out = at::zeros({planned.bytes}, weight.options().dtype(at::kByte));
  auto& h = *static_cast<Header*>(out.mutable_data_ptr());
  h = planned;
  const bool nested = format == kNF4Double;
  const Tensor absmax = nested ? at::empty({h.rows * h.row_groups}, weight.options().dtype(at::kFloat)) : Tensor();
  float* scales = nested ? absmax.mutable_data_ptr<float>() : writable<float>(h, h.scales);
  const int64_t grain = std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, h.columns));
  at::parallel_for(0, h.rows, grain, [&](int64_t begin, int64_t end) {
    std::vector<float> room;
    for (int64_t row = begin; row < end; ++row) quantize_row(h, row_of(weight, row, room), row, symmetric, scales);
  });
  if (nested && absmax.numel() > 0) quantize_scales(h, absmax);
  return out;
}

// A matrix on a GPU is quantised once in its life: on the host, where its codes get the bits that
// every other device has.
at::Tensor quantize_on_host(const at::Tensor& weight, int64_t format, int64_t group, bool symmetric) {
  const Tensor made = quantize(weight.cpu(), format, group, symmetric), there = made.to(weight.device());
  keep_header(there, header_of(made));
  return there;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas) m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, CPU, m) { m.impl("quantize_weight", TORCH_FN(quantize)); }
TORCH_LIBRARY_IMPL(anneal, CUDA, m) { m.impl("quantize_weight", TORCH_FN(quantize_on_host)); }

}  // namespace anneal::quantized
