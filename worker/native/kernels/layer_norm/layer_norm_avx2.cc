#define ANNEAL_ISA avx2
#include "layer_norm_loops.h"
