#define ANNEAL_ISA avx512
#include "swiglu_loops.h"
