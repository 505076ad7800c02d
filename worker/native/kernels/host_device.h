// Functions that a CUDA kernel shares with the CPU.
#pragma once

#ifdef __CUDACC__
#define ANNEAL_HOST_DEVICE __host__ __device__
#else
#define ANNEAL_HOST_DEVICE
#endif
