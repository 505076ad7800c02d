// 24 sums, 3 vectors of B and one broadcast: 28 of 32 registers.
#define ANNEAL_GEMM_WIDTH 16
#define ANNEAL_GEMM_ROWS 8
#define ANNEAL_GEMM_VECTORS 3
#define ANNEAL_GEMM_DEPTH 192
#define ANNEAL_GEMM_TABLE kAvx512
#define ANNEAL_GEMM_NAME "avx512"
#include "gemm_kernels.h"
