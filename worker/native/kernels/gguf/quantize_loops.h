// The loops of gguf_quantize, compiled once an instruction set.
#include "quantize_plain.h"
#include "quantize_super.h"

namespace anneal::gguf::ANNEAL_ISA {

namespace {

template <class Format> int quantize_all(const Blocks& blocks) {
  int found = 0;
  for (int64_t at = 0; at < blocks.count; at += kWide) {
    Batch<Format::kValues, Format::kBytes> batch(blocks, at);
    Format::quantize(batch);
    found |= batch.found();
  }
  return found;
}

} // namespace

int quantize(Type type, const Blocks& blocks) {
  switch (type) {
  case Type::kQ4_0:
    return quantize_all<Around<4>>(blocks);
  case Type::kQ4_1:
    return quantize_all<Above<4>>(blocks);
  case Type::kQ5_0:
    return quantize_all<Around<5>>(blocks);
  case Type::kQ5_1:
    return quantize_all<Above<5>>(blocks);
  case Type::kQ8_0:
    return quantize_all<Q8_0>(blocks);
  case Type::kQ2_K:
    return quantize_all<SuperAbove<2>>(blocks);
  case Type::kQ3_K:
    return quantize_all<SuperQ3>(blocks);
  case Type::kQ4_K:
    return quantize_all<SuperAbove<4>>(blocks);
  case Type::kQ5_K:
    return quantize_all<SuperAbove<5>>(blocks);
  case Type::kQ6_K:
    return quantize_all<SuperQ6>(blocks);
  }
  return 0;
}

} // namespace anneal::gguf::ANNEAL_ISA
