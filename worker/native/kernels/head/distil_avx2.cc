#include "distil_loops.h"
