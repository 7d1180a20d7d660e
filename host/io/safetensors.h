// Reader of one .safetensors file: header validated in full before any tensor is touched, contents in private memory.
//
// Stricter than the reference reader (huggingface/safetensors, tensor.rs): duplicate names are refused, and so is a
// header nested deeper or larger than weights need. Nothing stays mapped, so a file that is replaced during a run does no harm.
#ifndef ASCRIBE_IO_SAFETENSORS_H
#define ASCRIBE_IO_SAFETENSORS_H

#include "base/fail.h"
#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

enum { TENSOR_MAX_DIMS = 8 };

typedef enum tensor_dtype { // readable as weights: F32, F16, BF16, F64; the rest is only named
    TENSOR_F32,
    TENSOR_F16,
    TENSOR_BF16,
    TENSOR_F64,
    TENSOR_OTHER,
} tensor_dtype;

typedef struct tensor_info {
    const char *name;
    tensor_dtype dtype;
    const char *dtype_name; // as the file spells it
    size_t n_dims;
    size_t shape[TENSOR_MAX_DIMS];
    size_t n_elements;
    size_t begin, end; // bytes after the header
} tensor_info;

typedef struct safetensors safetensors;

// Reads and validates `path`. ASC_NOT_FOUND, ASC_MALFORMED (message: file, tensor or offset, rule), ASC_OUT_OF_MEMORY, ASC_IO_ERROR.
// `stop` (may be NULL) is asked between pieces: ASC_STOPPED.
asc_status safetensors_open(const char *path, const stop_check *stop, safetensors **out, asc_error *err);
void safetensors_close(safetensors *file); // accepts NULL

size_t safetensors_count(const safetensors *file);
const tensor_info *safetensors_at(const safetensors *file, size_t index); // sorted by name
const tensor_info *safetensors_find(const safetensors *file, const char *name); // NULL when absent

// Converts a tensor to float32, all n_elements of it, into `out`. ASC_MALFORMED for a dtype that is no weight.
asc_status safetensors_read(const safetensors *file, const tensor_info *tensor, float *out, asc_error *err);

// SHA-256 of the whole file's bytes: the identity that a hub shows for it.
void safetensors_hash(const safetensors *file, uint8_t digest[HASH_BYTES]);

#endif
