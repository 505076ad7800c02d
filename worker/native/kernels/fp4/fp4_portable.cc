#define ANNEAL_ISA portable
#include "fp4_loop.h"
