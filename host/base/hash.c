// SHA-256 through OpenSSL; see hash.h.
//
// The SHA256_* calls are used rather than EVP because their state lies in our own memory: adding to a hash
// and hashing one buffer cannot fail, where EVP allocates and would need an outcome that hash.h, rightly,
// does not have. OpenSSL 3 marks them as deprecated in favour of EVP; the numbers are the same.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.h"

#include "base/file.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <unistd.h>

static_assert(HASH_BYTES == SHA256_DIGEST_LENGTH, "the digest is SHA-256's");

struct hash_state {
    SHA256_CTX context;
};

asc_status hash_open(hash_state **out, asc_error *err)
{
    assert(out);
    *out = malloc(sizeof **out);
    if (!*out)
        return fail_memory(err, "a hash", sizeof **out);
    SHA256_Init(&(*out)->context);
    return ASC_OK;
}

void hash_add(hash_state *state, const void *bytes, size_t size)
{
    assert(state && (bytes || size == 0));
    if (size > 0)
        SHA256_Update(&state->context, bytes, size);
}

void hash_finish(hash_state *state, uint8_t digest[HASH_BYTES])
{
    assert(state);
    SHA256_Final(digest, &state->context);
    free(state);
}

void hash_close(hash_state *state)
{
    free(state);
}

void hash_bytes(const void *bytes, size_t size, uint8_t digest[HASH_BYTES])
{
    hash_state state;
    SHA256_Init(&state.context);
    hash_add(&state, bytes, size);
    SHA256_Final(digest, &state.context);
}

void hash_hex(const uint8_t digest[HASH_BYTES], char hex[HASH_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t byte = 0; byte < HASH_BYTES; byte++) {
        hex[2 * byte] = digits[digest[byte] >> 4];
        hex[2 * byte + 1] = digits[digest[byte] & 15];
    }
    hex[HASH_HEX_SIZE - 1] = '\0';
}

asc_status hash_file(const char *path, uint8_t digest[HASH_BYTES], asc_error *err)
{
    return hash_file_or_stop(path, NULL, digest, err);
}

asc_status hash_file_or_stop(const char *path, const stop_check *stop, uint8_t digest[HASH_BYTES], asc_error *err)
{
    uint8_t piece[32768];
    hash_state state;
    int descriptor = -1;
    size_t left = 0;
    asc_status status = file_open(path, &descriptor, &left, err);
    if (status != ASC_OK)
        return status;
    SHA256_Init(&state.context);
    while (left > 0 && status == ASC_OK) {
        const size_t size = left < sizeof piece ? left : sizeof piece;
        status = stop_poll(stop, err);
        if (status == ASC_OK)
            status = file_read_exactly(descriptor, path, piece, size, err);
        if (status == ASC_OK)
            hash_add(&state, piece, size);
        left -= size;
    }
    close(descriptor);
    SHA256_Final(digest, &state.context);
    return status;
}
