#define ANNEAL_ISA avx2
#include "few_rows_loops.h"
