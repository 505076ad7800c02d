#define ANNEAL_ISA avx2
#include "fp4_loop.h"
