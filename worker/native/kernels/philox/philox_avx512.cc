#define ANNEAL_ISA avx512
#include "philox_loop.h"
