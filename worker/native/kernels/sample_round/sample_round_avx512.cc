#define ANNEAL_ISA avx512
#include "sample_round_loop.h"
