#define ANNEAL_ISA avx2
#include "adamw8bit_loop.h"
