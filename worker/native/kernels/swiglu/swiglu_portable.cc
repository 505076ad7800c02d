#define ANNEAL_ISA portable
#include "swiglu_loops.h"
