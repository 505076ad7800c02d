#define ANNEAL_ISA avx2
#include "affine_groups_loops.h"
