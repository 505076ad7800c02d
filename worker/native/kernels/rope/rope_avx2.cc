#define ANNEAL_ISA avx2
#include "rope_loops.h"
