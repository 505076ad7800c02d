#define ANNEAL_ISA avx512
#include "few_rows_loops.h"
