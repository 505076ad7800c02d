#define ANNEAL_ISA avx512
#include "rope_loops.h"
