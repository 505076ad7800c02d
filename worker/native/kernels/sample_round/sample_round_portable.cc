#define ANNEAL_ISA portable
#include "sample_round_loop.h"
