#define ANNEAL_ISA avx2
#include "swiglu_loops.h"
