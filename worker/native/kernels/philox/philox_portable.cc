#define ANNEAL_ISA portable
#include "philox_loop.h"
