#define ANNEAL_ISA avx512
#include "fp4_loop.h"
