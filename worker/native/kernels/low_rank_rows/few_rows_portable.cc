#define ANNEAL_ISA portable
#include "few_rows_loops.h"
