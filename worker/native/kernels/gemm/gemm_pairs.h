// The blocked product of operands in bfloat16 on a processor with AVX-512's dot products of pairs
// and without AMX. A float32 operand beside them comes in three pieces (gemm_amx.h); products of
// two float32 operands are faster as they are.
#pragma once
#include "gemm_table.h"

namespace anneal::gemm {

// `table` with the parts that are done in pairs.
Table with_pairs(const Table &table);

} // namespace anneal::gemm
