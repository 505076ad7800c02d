// The loops of hadamard.h, compiled once an instruction set, in stages:
//
//   walsh.h        parts of a row and blocks of tokens are transformed, in registers and over memory
//   mixing.h       transformed parts become sums of parts
//   sinks.h        rotated values go into memory, into codes, or into their largest magnitude
//   row_loops.h    rows: read, transformed, mixed, taken by a sink
//   token_loops.h  blocks of tokens: read, transformed, taken by a sink
#include "row_loops.h"
#include "token_loops.h"

namespace anneal::hadamard::ANNEAL_ISA {

template <class T, class To> constexpr Loops of() { return {rows<T, To>, tokens<T, To, false>, nullptr}; }
template <class T, class To> constexpr Loops of_both() { return {rows<T, To>, tokens<T, To, false>, tokens<T, To, true>}; }
template <class T> const Loops& narrow_of(Sink sink) {
  static constexpr Loops all[kSinks] = {
      {},
      of<T, Store<float>>(),
      of<T, Store<Bf16>>(),
      of_both<T, Largest>(),
      of_both<T, Code8>(),
      of_both<T, Float8>(),
      {rows<T, Streamed>, nullptr, nullptr},
  };
  return all[static_cast<int>(sink)];
}

// float64 stays float64.
const Loops& loops(rows::Element element, Sink sink) {
  static constexpr Loops wide = of<double, Store<double>>();
  switch (element) {
  case rows::Element::kFloat64:
    return wide;
  case rows::Element::kFloat32:
    return narrow_of<float>(sink);
  default:
    return narrow_of<Bf16>(sink);
  }
}

} // namespace anneal::hadamard::ANNEAL_ISA
