#include "head_loops.h"
