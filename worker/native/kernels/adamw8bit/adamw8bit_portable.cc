#define ANNEAL_ISA portable
#include "adamw8bit_loop.h"
