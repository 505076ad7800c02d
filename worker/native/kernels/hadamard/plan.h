// How a row of n values is rotated: n = outer * inner, inner = 2^k.
#pragma once

#include <memory>
#include <vector>

#include "hadamard.h"

namespace anneal::hadamard {

struct Plan {
  int64_t outer = 1, inner = 1;
  // [outer, outer], or empty where parts are not mixed; `turned` is its transposed.
  std::vector<double> mixing, turned;
  std::vector<float> narrow_mixing, narrow_turned;
  double factor = 1;
};

// Made once for each n and kind. Throws where a dense matrix of the odd part would be larger than kLargestPart.
std::shared_ptr<const Plan> plan_of(int64_t n, int64_t kind);
constexpr int64_t kLargestPart = 1024;

}  // namespace anneal::hadamard
