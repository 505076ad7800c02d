#define ANNEAL_ISA avx2
#include "codebook_loops.h"
