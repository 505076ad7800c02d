#define ANNEAL_ISA portable
#include "adamw_loop.h"
