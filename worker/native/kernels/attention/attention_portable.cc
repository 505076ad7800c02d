#define ANNEAL_ISA portable
#include "attention_tiles.h"
