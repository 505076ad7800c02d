#define ANNEAL_ISA avx512
#include "affine_groups_loops.h"
