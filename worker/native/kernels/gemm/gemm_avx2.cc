// Haswell, Zen and newer: 12 sums, 3 vectors of B and one broadcast fill the 16 registers. Of the
// tiles with 12 sums, 4 x 24 needs the fewest loads a step (7; 6 x 16 needs 8).
#define ANNEAL_GEMM_WIDTH 8
#define ANNEAL_GEMM_ROWS 4
#define ANNEAL_GEMM_VECTORS 3
#define ANNEAL_GEMM_DEPTH 288
#define ANNEAL_GEMM_TABLE kAvx2
#define ANNEAL_GEMM_NAME "avx2"
#include "gemm_kernels.h"
