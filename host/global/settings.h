// What results must have in common to be summed up together: a JSON object of strings.
#ifndef ASCRIBE_GLOBAL_SETTINGS_H
#define ASCRIBE_GLOBAL_SETTINGS_H

#include <ascribe/result.h>

#include "base/fail.h"

#include <stdbool.h>

// What makes two features one word: their texts as they are, their case-folded texts, or their token ids.
typedef enum settings_words { SETTINGS_KEPT, SETTINGS_FOLDED, SETTINGS_TOKENS } settings_words;

// The settings of a result, from its manifest; the caller frees *text. ASC_OUT_OF_MEMORY.
asc_status settings_of_result(const asc_result_info *info, settings_words words, char **text, asc_error *err);

// Whether `settings` says that case was folded.
bool settings_fold_case(const char *settings);
// Whether it says that words are token ids.
bool settings_tokens(const char *settings);

// ASC_DIFFERENT_RUN with the names of what differs and both values; `comparing`: what two runs may have of their own (the model, the budget) is
// left out. ASC_MALFORMED when one is no JSON object of strings.
typedef struct settings_pair {
    const char *first, *second; // the settings
    const char *first_name, *second_name; // the files
    bool comparing;
} settings_pair;
asc_status settings_check(const settings_pair *pair, asc_error *err);

#endif
