#define ANNEAL_ISA portable
#include "layer_norm_loops.h"
