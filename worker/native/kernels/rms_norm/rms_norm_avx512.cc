#define ANNEAL_ISA avx512
#include "rms_norm_loops.h"
