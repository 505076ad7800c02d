#define ANNEAL_ISA avx512
#include "attention_tiles.h"
