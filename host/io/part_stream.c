// See part_stream.h.
#include "io/part_stream.h"

#include "base/background.h"
#include "io/merge_private.h"

#include <stdlib.h>

struct part_stream {
    const merge_job *job;
    background *reader;
    hash_state *digest;
    part_reader *next;     // opened, not yet handed out
    int64_t index, n_rows; // of the parts opened so far
};

static asc_status open_next(void *context, asc_error *err)
{
    part_stream *s = context;
    const merge_job *job = s->job;
    const part_shape shape = {job->n_targets, job->n_classes, job->n_fit};
    TRY(merge_open_part(job, s->index, job->first_position + s->n_rows, &s->next, err));
    const size_t n_rows = (size_t)part_reader_header(s->next)->n_rows;
    for (size_t i = 0; i < n_rows; i++) {
        const part_row row = part_read(s->next, i);
        part_row_digest(s->digest, &row, shape);
    }
    s->n_rows += (int64_t)n_rows;
    s->index++;
    return ASC_OK;
}

asc_status part_stream_open(const merge_job *job, part_stream **out, asc_error *err)
{
    part_stream *s = calloc(1, sizeof *s);
    if (!s)
        return fail_memory(err, "the parts of a run", sizeof *s);
    s->job = job;
    asc_status status = hash_open(&s->digest, err);
    if (status == ASC_OK)
        status = background_create(&s->reader, err);
    if (status != ASC_OK) {
        part_stream_close(s);
        return status;
    }
    background_start(s->reader, open_next, s);
    *out = s;
    return ASC_OK;
}

asc_status part_stream_next(part_stream *s, part_reader **part, asc_error *err)
{
    TRY(background_wait(s->reader, err));
    *part = s->next;
    s->next = NULL;
    if (!*part)
        return merge_check_end(s->job, s->n_rows, err);
    if (s->index < s->job->n_parts)
        background_start(s->reader, open_next, s);
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
    part_close(s->next);
    if (s->digest)
        hash_close(s->digest);
    free(s);
}
