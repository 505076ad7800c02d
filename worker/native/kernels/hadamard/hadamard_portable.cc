#define ANNEAL_ISA portable
#include "hadamard_loops.h"
