// The blocked product of whole numbers of 8 bits: sums in 32 bits of up to 960 products, which
// float32 holds exactly; only the sum of such blocks of the depth is rounded.
#pragma once
#include "gemm_table.h"

namespace anneal::gemm {

// `table` with tiles of 8 bits, for a processor with AMX.
Table with_amx_codes(const Table &table);

// `table` with dot products of bytes, for one that has those of AVX-512 (VNNI).
Table with_byte_products(const Table &table);

} // namespace anneal::gemm
