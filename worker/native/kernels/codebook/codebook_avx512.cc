#define ANNEAL_ISA avx512
#include "codebook_loops.h"
