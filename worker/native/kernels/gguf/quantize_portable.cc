#define ANNEAL_ISA portable
#include "quantize_loops.h"
