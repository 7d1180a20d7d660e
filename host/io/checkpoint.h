// The weights of a model folder: model.safetensors, or the shards that model.safetensors.index.json lists.
#ifndef ASCRIBE_IO_CHECKPOINT_H
#define ASCRIBE_IO_CHECKPOINT_H

#include <ascribe/log.h>

#include "io/safetensors.h"

typedef struct checkpoint checkpoint;

// Reads and validates the file or, when it is not there, all shards. Shard names are plain file names; every tensor of the index must
// be in its shard; a shard's other tensors are left out with a warning to `log` (may be NULL). ASC_NOT_FOUND names what is missing,
// ASC_MALFORMED the file, the tensor and the rule. `stop` (may be NULL) is asked while files are read: ASC_STOPPED.
asc_status checkpoint_open(const char *folder, const asc_log *log, const stop_check *stop, checkpoint **out, asc_error *err);
void checkpoint_close(checkpoint *weights); // accepts NULL

size_t checkpoint_count(const checkpoint *weights);
size_t checkpoint_shards(const checkpoint *weights);                       // files that hold the tensors
const tensor_info *checkpoint_at(const checkpoint *weights, size_t index); // sorted by name
const tensor_info *checkpoint_find(const checkpoint *weights, const char *name); // NULL when absent

// As safetensors_read; `tensor` is one of the checkpoint's.
asc_status checkpoint_read(const checkpoint *weights, const tensor_info *tensor, float *out, asc_error *err);

// The path of model.safetensors or of the index, for messages.
const char *checkpoint_path(const checkpoint *weights);

// SHA-256 of model.safetensors; for shards of the lines "SHA-256  NAME\n" of all of them in the order of their names, as
// `sha256sum model-*.safetensors | sha256sum` prints it.
asc_status checkpoint_hash(const checkpoint *weights, uint8_t digest[HASH_BYTES], asc_error *err);

#endif
