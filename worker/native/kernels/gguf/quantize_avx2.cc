#define ANNEAL_ISA avx2
#include "quantize_loops.h"
