// Any machine, in vectors of four floats: 32 registers on arm64, 16 with SSE2, where a product
// needs one more for itself.
#define ANNEAL_GEMM_WIDTH 4
#if defined(__aarch64__)
#define ANNEAL_GEMM_ROWS 8
#define ANNEAL_GEMM_VECTORS 3
#else
#define ANNEAL_GEMM_ROWS 4
#define ANNEAL_GEMM_VECTORS 2
#endif
#define ANNEAL_GEMM_DEPTH 256
#define ANNEAL_GEMM_TABLE kPortable
#define ANNEAL_GEMM_NAME "portable"
#include "gemm_kernels.h"
