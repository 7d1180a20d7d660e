// See token_names.h. "model.vocab" is an object of token to id (WordPiece, BPE), or a list of [token, score] in the order of ids (Unigram).
#include "token_names.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_NAMES = 1 << 24 };

static void take(token_names *names, json_int_t id, const json_t *token)
{
    if (id >= 0 && (size_t)id < names->n_names && json_is_string(token))
        names->names[id] = json_string_value(token);
}

// How many ids the vocabulary names, from 0 to the largest.
static size_t count_ids(json_t *vocabulary)
{
    size_t n = json_array_size(vocabulary);
    const char *key;
    json_t *value;

    json_object_foreach(vocabulary, key, value)
        if (json_integer_value(value) >= (json_int_t)n && json_integer_value(value) < MOST_NAMES)
            n = (size_t)json_integer_value(value) + 1;
    return n;
}

void token_names_read(const char *model, token_names *out)
{
    char *path = NULL;
    const char *key;
    json_t *value;
    size_t i;

    *out = (token_names){0};
    if (asprintf(&path, "%s/tokenizer.json", model) < 0)
        path = NULL;
    out->document = path ? json_load_file(path, 0, NULL) : NULL;
    free(path);
    json_t *const vocabulary = json_object_get(json_object_get(out->document, "model"), "vocab");
    out->names = calloc(count_ids(vocabulary) + 1, sizeof *out->names);
    out->n_names = out->names ? count_ids(vocabulary) : 0;
    json_array_foreach(vocabulary, i, value)
        take(out, (json_int_t)i, json_array_get(value, 0));
    json_object_foreach(vocabulary, key, value)
        if (json_is_integer(value) && json_integer_value(value) >= 0 && (size_t)json_integer_value(value) < out->n_names)
            out->names[json_integer_value(value)] = key;
}

void token_names_free(token_names *names)
{
    json_decref(names->document);
    free(names->names);
    *names = (token_names){0};
}

const char *token_name(const token_names *names, size_t id)
{
    return names && names->names && id < names->n_names ? names->names[id] : NULL;
}
