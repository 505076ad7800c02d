#define ANNEAL_ISA portable
#include "rms_norm_loops.h"
