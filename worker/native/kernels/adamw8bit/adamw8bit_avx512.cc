#define ANNEAL_ISA avx512
#include "adamw8bit_loop.h"
