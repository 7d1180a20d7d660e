// SHA-256 (FIPS 180-4, by OpenSSL): the identity of models, datasets, runs and parts.
#ifndef ASCRIBE_BASE_HASH_H
#define ASCRIBE_BASE_HASH_H

#include "base/fail.h"
#include "base/stop.h"

#include <stddef.h>
#include <stdint.h>

enum { HASH_BYTES = 32, HASH_HEX_SIZE = 65 };

// An incremental hash: open, add any number of times, finish once (which also releases it). `hash_close` drops one
// that is not finished; it accepts NULL.
typedef struct hash_state hash_state;
asc_status hash_open(hash_state **out, asc_error *err);
void hash_add(hash_state *state, const void *bytes, size_t size);
void hash_finish(hash_state *state, uint8_t digest[HASH_BYTES]);
void hash_close(hash_state *state);

// One buffer at once.
void hash_bytes(const void *bytes, size_t size, uint8_t digest[HASH_BYTES]);

// Lower-case hexadecimal text of a digest, NUL terminated.
void hash_hex(const uint8_t digest[HASH_BYTES], char hex[HASH_HEX_SIZE]);

// Hash of a whole file, read in pieces. ASC_NOT_FOUND when it cannot be opened, ASC_IO_ERROR when reading fails.
asc_status hash_file(const char *path, uint8_t digest[HASH_BYTES], asc_error *err);
// The same, asked between pieces: ASC_STOPPED.
asc_status hash_file_or_stop(const char *path, const stop_check *stop, uint8_t digest[HASH_BYTES], asc_error *err);

#endif
