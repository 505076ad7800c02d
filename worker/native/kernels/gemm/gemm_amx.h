// The blocked product on a processor with AMX: tiles of bfloat16, sums of float32.
//
// A value that is stored as bfloat16 is one piece; one that is stored as float32 is three, each the
// next eight bits of it, so that together they are the value exactly. A product of two operands is
// the sum of the products of their pieces, without those below 2^-24 of it: one product of tiles
// for bfloat16 with bfloat16, three for float32 with bfloat16, six for float32 with float32. So
// each is as exact as a float32 product, and the sums are float32 as everywhere (denormal ones
// become 0).
#pragma once
#include "gemm_table.h"

namespace anneal::gemm {

// `table` with the parts that are done in tiles.
Table with_amx(const Table &table);

} // namespace anneal::gemm
