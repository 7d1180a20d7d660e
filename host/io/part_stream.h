// The rows of a merge's parts in their order, in blocks: while the caller works on one, a thread of its own opens and checks the parts of
// the next and adds their rows to the result's digest. Two blocks and a part are in memory.
#ifndef ASCRIBE_IO_PART_STREAM_H
#define ASCRIBE_IO_PART_STREAM_H

#include "base/hash.h"
#include "io/merge.h"
#include "io/row_block.h"

typedef struct part_stream part_stream;

// Begins with the first part; opener: part_open, or part_open_again. `job` must outlive the stream.
asc_status part_stream_open(const merge_job *job, part_opener *opener, part_stream **out, asc_error *err);

// The next block, valid until the next call; *block = NULL after the last one. A part's own error when it is not the job's or does not begin
// where the one before ended; ASC_MALFORMED when all parts together do not hold the job's rows.
asc_status part_stream_next(part_stream *s, const row_block **block, asc_error *err);

// Digest over all rows (part_row_digest), once, after the last block.
void part_stream_digest(part_stream *s, char hex[HASH_HEX_SIZE]);

void part_stream_close(part_stream *s); // accepts NULL

#endif
