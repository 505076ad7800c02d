#define ANNEAL_ISA portable
#include "codebook_loops.h"
