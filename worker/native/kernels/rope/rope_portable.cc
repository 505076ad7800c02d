#define ANNEAL_ISA portable
#include "rope_loops.h"
