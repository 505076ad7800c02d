#define ANNEAL_ISA avx512
#include "hadamard_loops.h"
