#define ANNEAL_ISA portable
#include "affine_groups_loops.h"
