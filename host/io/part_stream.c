// See part_stream.h.
#include "io/part_stream.h"

#include "base/background.h"
#include "io/merge_private.h"

#include <stdlib.h>

enum { BLOCK_BYTES = 1 << 20 }; // and what its last part has beyond

struct part_stream {
    const merge_job *job;
    part_opener *opener;
    background *reader;
    hash_state *digest;
    row_block blocks[2];
    int filled; // the one that is being filled
    int64_t index, n_rows, n_features; // of the parts opened so far
};

static asc_status add_part(part_stream *s, asc_error *err)
{
    const merge_job *job = s->job;
    part_reader *part = NULL;
    TRY(merge_open_part(job, s->opener, s->index, job->first_position + s->n_rows, &part, err));
    part_digest(part, s->digest);
    const asc_status status = row_block_add(&s->blocks[s->filled], job, part, &s->n_features, err);
    s->n_rows += part_reader_header(part)->n_rows;
    s->index++;
    part_close(part);
    return status;
}

static asc_status fill_block(void *context, asc_error *err)
{
    part_stream *s = context;
    row_block *block = &s->blocks[s->filled];
    row_block_clear(block);
    while (s->index < s->job->n_parts && row_block_bytes(block) < BLOCK_BYTES)
        TRY(add_part(s, err));
    return ASC_OK;
}

asc_status part_stream_open(const merge_job *job, part_opener *opener, part_stream **out, asc_error *err)
{
    part_stream *s = calloc(1, sizeof *s);
    if (!s)
        return fail_memory(err, "the parts of a run", sizeof *s);
    s->job = job;
    s->opener = opener;
    asc_status status = hash_open(&s->digest, err);
    if (status == ASC_OK)
        status = background_create(&s->reader, err);
    if (status != ASC_OK) {
        part_stream_close(s);
        return status;
    }
    background_start(s->reader, fill_block, s);
    *out = s;
    return ASC_OK;
}

asc_status part_stream_next(part_stream *s, const row_block **block, asc_error *err)
{
    *block = NULL;
    TRY(background_wait(s->reader, err));
    if (row_block_bytes(&s->blocks[s->filled]) == 0)
        return merge_check_end(s->job, s->n_rows, err);
    *block = &s->blocks[s->filled];
    s->filled ^= 1;
    background_start(s->reader, fill_block, s);
    return ASC_OK;
}

void part_stream_digest(part_stream *s, char hex[HASH_HEX_SIZE])
{
    uint8_t digest[HASH_BYTES];
    hash_finish(s->digest, digest);
    s->digest = NULL;
    hash_hex(digest, hex);
}

void part_stream_close(part_stream *s)
{
    if (!s)
        return;
    background_destroy(s->reader);
    for (size_t i = 0; i < 2; i++)
        row_block_free(&s->blocks[i]);
    if (s->digest)
        hash_close(s->digest);
    free(s);
}
