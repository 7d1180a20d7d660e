// Small JSON files of our own (run.json, plans): an object with a version and a checksum over everything else, so that not even a
// changed letter in a class name goes unseen. Read as any file that nobody vouches for.
#ifndef ASCRIBE_EXPLAIN_RECORD_H
#define ASCRIBE_EXPLAIN_RECORD_H

#include "base/fail.h"
#include "explain/division.h"

#include <jansson.h>

typedef struct record_kind {
    const char *what;    // "a plan"
    const char *version; // the member's name
    int newest;          // of this program
} record_kind;

// Reads PATH whole and checks version and checksum; the caller decrefs *out. ASC_NOT_FOUND, ASC_MALFORMED (a newer version says so),
// ASC_OUT_OF_MEMORY, ASC_IO_ERROR.
asc_status record_read(const char *path, const record_kind *kind, json_t **out, asc_error *err);

// Adds version and checksum to `object` and gives its text, canonical; the caller frees *text.
asc_status record_seal(json_t *object, const record_kind *kind, char **text, asc_error *err);

// The canonical text of a part of one, as manifests have it; NULL without memory. The caller frees it.
char *record_text(const json_t *value);

// Members of an object. ASC_MALFORMED names file and member. Texts belong to the object; *out may be missing (NULL) where `optional`.
typedef struct record_source {
    const char *path;
    const json_t *object;
} record_source;
asc_status record_get_text(const record_source *from, const char *member, bool optional, const char **out, asc_error *err);
asc_status record_get_integer(const record_source *from, const char *member, int64_t least, int64_t most, int64_t *out, asc_error *err);
asc_status record_get_object(const record_source *from, const char *member, record_source *out, asc_error *err);

// "parts" and "tasks". Checked: see division_is_sound. The caller calls division_free.
asc_status record_set_division(json_t *object, const division *d, asc_error *err);
asc_status record_get_division(const record_source *from, division *out, asc_error *err);

#endif
