// Functions for host and device: ASC_BOTH marks those that CUDA compiles for both. They are C17 and C++17 at once.
#ifndef ASCRIBE_BOTH_H
#define ASCRIBE_BOTH_H

#ifdef __CUDACC__
#define ASC_BOTH __host__ __device__ static inline
#else
#define ASC_BOTH static inline
#endif

#endif
