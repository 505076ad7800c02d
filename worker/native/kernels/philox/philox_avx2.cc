#define ANNEAL_ISA avx2
#include "philox_loop.h"
