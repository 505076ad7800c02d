#define ANNEAL_ISA avx2
#include "hadamard_loops.h"
