#define ANNEAL_ISA avx2
#include "rms_norm_loops.h"
