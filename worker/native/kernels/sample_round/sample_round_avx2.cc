#define ANNEAL_ISA avx2
#include "sample_round_loop.h"
