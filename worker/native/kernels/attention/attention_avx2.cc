#define ANNEAL_ISA avx2
#include "attention_tiles.h"
