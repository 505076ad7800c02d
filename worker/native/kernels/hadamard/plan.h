// How a row of n values is rotated: n = outer * inner, inner = 2^k; with the matrices S of
// hadamard.h. A header, since the library of the CUDA kernels is linked without that of the others.
#pragma once

#include <c10/util/Exception.h>

#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <numbers>
#include <utility>
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

inline constexpr int64_t kLargestPart = 1024;

namespace plans {

inline constexpr int64_t kLargestPaley = 64;

inline bool is_prime(int64_t q) {
  for (int64_t d = 2; d * d <= q; ++d)
    if (q % d == 0) return false;
  return q > 1;
}

// Whether q - 1 (kind I) or (K / 2) - 1 (kind II) has the residues that make a matrix of order K.
inline bool is_first(int64_t order) { return is_prime(order - 1) && (order - 1) % 4 == 3; }
inline bool is_second(int64_t order) { return order % 4 == 0 && is_prime(order / 2 - 1) && (order / 2 - 1) % 4 == 1; }

// [q + 1, q + 1]: 0 on the diagonal, and elsewhere whether j - i is a square modulo q; a border of
// `side` and 1.
inline std::vector<double> residues(int64_t q, double side) {
  std::vector<double> chi(static_cast<size_t>(q), -1);
  chi[0] = 0;
  for (int64_t a = 1; a < q; ++a) chi[static_cast<size_t>(a * a % q)] = 1;
  const int64_t n = q + 1;
  std::vector<double> s(static_cast<size_t>(n * n), 0);
  for (int64_t i = 1; i < n; ++i) {
    s[static_cast<size_t>(i)] = 1;
    s[static_cast<size_t>(i * n)] = side;
    for (int64_t j = 1; j < n; ++j) s[static_cast<size_t>(i * n + j)] = chi[static_cast<size_t>(((j - i) % q + q) % q)];
  }
  return s;
}

inline std::vector<double> paley(int64_t order) {
  std::vector<double> h(static_cast<size_t>(order * order));
  if (is_first(order)) {
    h = residues(order - 1, -1);
    for (int64_t i = 0; i < order; ++i) h[static_cast<size_t>(i * (order + 1))] += 1;
    return h;
  }
  // S (x) [[1, 1], [1, -1]] + I (x) [[1, -1], [-1, -1]]
  const int64_t half = order / 2;
  const std::vector<double> s = residues(half - 1, 1);
  for (int64_t i = 0; i < order; ++i)
    for (int64_t j = 0; j < order; ++j) {
      const bool odd_i = i % 2 != 0, odd_j = j % 2 != 0, diagonal = i / 2 == j / 2;
      const double of_s = s[static_cast<size_t>(i / 2 * half + j / 2)] * (odd_i && odd_j ? -1 : 1);
      h[static_cast<size_t>(i * order + j)] = of_s + (diagonal ? (odd_i || odd_j ? -1 : 1) : 0);
    }
  return h;
}

inline std::vector<double> hartley(int64_t order) {
  std::vector<double> h(static_cast<size_t>(order * order));
  for (int64_t i = 0; i < order; ++i)
    for (int64_t j = 0; j < order; ++j) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(i * j % order) / static_cast<double>(order);
      h[static_cast<size_t>(i * order + j)] = std::cos(angle) + std::sin(angle);
    }
  return h;
}

// The smallest order of a Paley matrix that n is a power of two times of, or 0.
inline int64_t paley_order(int64_t n, int64_t odd) {
  for (int64_t order = 4 * odd; order <= kLargestPaley && n % order == 0; order *= 2)
    if (is_first(order) || is_second(order)) return order;
  return 0;
}

inline Plan make(int64_t n, int64_t kind) {
  int64_t odd = n;
  while (odd % 2 == 0) odd /= 2;
  Plan plan;
  const int64_t order = kind == kPaley && odd > 1 ? paley_order(n, odd) : 0;
  plan.outer = order > 0 ? order : odd;
  plan.inner = n / plan.outer;
  plan.factor = 1 / std::sqrt(static_cast<double>(kind == kBlock ? plan.inner : n));
  if (kind == kBlock || plan.outer == 1) return plan;
  TORCH_CHECK(plan.outer <= kLargestPart, "rows of ", n, " values have an odd part of ", plan.outer, "; a rotation mixes at most ",
              kLargestPart, " parts: rotate in blocks");
  plan.mixing = order > 0 ? paley(order) : hartley(odd);
  plan.turned.resize(plan.mixing.size());
  for (int64_t i = 0; i < plan.outer; ++i)
    for (int64_t j = 0; j < plan.outer; ++j)
      plan.turned[static_cast<size_t>(j * plan.outer + i)] = plan.mixing[static_cast<size_t>(i * plan.outer + j)];
  plan.narrow_mixing.assign(plan.mixing.begin(), plan.mixing.end());
  plan.narrow_turned.assign(plan.turned.begin(), plan.turned.end());
  return plan;
}

}  // namespace plans

// Made once for each n and kind. Throws where a dense matrix of the odd part would be larger than
// kLargestPart.
inline std::shared_ptr<const Plan> plan_of(int64_t n, int64_t kind) {
  static std::mutex mutex;
  static std::map<std::pair<int64_t, int64_t>, std::shared_ptr<const Plan>> made;
  const std::lock_guard lock(mutex);
  auto& plan = made[{n, kind}];
  if (!plan) plan = std::make_shared<const Plan>(plans::make(n, kind));
  return plan;
}

}  // namespace anneal::hadamard
