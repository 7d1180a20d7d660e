// The words of team.h on a device: the team is a block of one dimension. Include it before what uses them.
#ifndef ASCRIBE_CUDA_TEAM_CUH
#define ASCRIBE_CUDA_TEAM_CUH

#include "cuda/cuda.cuh"

#define TEAM_FUNCTION static __device__ inline
#define TEAM_RANK ((size_t)threadIdx.x)
#define TEAM_SIZE ((size_t)blockDim.x)
#define TEAM_SYNC() __syncthreads()
#define TEAM_LOWEST_BIT(bits) ((size_t)(__ffsll((long long)(bits)) - 1))

#include "team.h"

#endif
