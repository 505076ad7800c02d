#define ANNEAL_ISA avx2
#include "adamw_loop.h"
