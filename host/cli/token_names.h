// The texts of a model's tokens, for people: from its tokenizer.json, where there is one.
#ifndef ASCRIBE_CLI_TOKEN_NAMES_H
#define ASCRIBE_CLI_TOKEN_NAMES_H

#include <jansson.h>

#include <stddef.h>

typedef struct token_names {
    json_t *document;
    const char **names; // [n_names], NULL where there is none; they belong to the document
    size_t n_names;
} token_names;

// Reads MODEL/tokenizer.json. What cannot be read has no names: the numbers do.
void token_names_read(const char *model, token_names *out);
void token_names_free(token_names *names);

const char *token_name(const token_names *names, size_t id); // NULL: none

#endif
