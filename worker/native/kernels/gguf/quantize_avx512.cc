#define ANNEAL_ISA avx512
#include "quantize_loops.h"
