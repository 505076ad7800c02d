#define ANNEAL_ISA avx512
#include "adamw_loop.h"
