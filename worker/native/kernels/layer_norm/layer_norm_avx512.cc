#define ANNEAL_ISA avx512
#include "layer_norm_loops.h"
