// Files of global importance, damaged in their arrays or anywhere (hdf5_arrays.h): what is read stands in order, within its bounds, and can be
// merged and described.
#include "fuzz.h"
#include "hdf5_arrays.h"

#include "global/cell.h"

#include <math.h>
#include <stdlib.h>

static void check_cell(const global_facts *facts, const global_cell *cell)
{
    static student_table student;
    asc_global_word word;
    global_cell twice = *cell;
    if (student.known[1] == 0)
        student_table_fill(&student);
    FUZZ_REQUIRE(cell->class_index >= 0 && (size_t)cell->class_index < facts->n_classes);
    FUZZ_REQUIRE(cell->position >= 0 ? cell->position < GLOBAL_N_POSITIONS && cell->label == GLOBAL_ANY && cell->prediction == GLOBAL_ANY
                                     : cell->label >= -1 && cell->label < (int64_t)facts->n_label_names && cell->prediction >= -1 &&
                                           cell->prediction < (int64_t)facts->n_classes);
    FUZZ_REQUIRE(cell->rows >= 1 && cell->rows <= cell->count && cell->rows <= facts->n_rows && cell->least <= cell->most);
    cell_merge(&twice, cell);
    cell_describe(&twice, &student, &word);
    FUZZ_REQUIRE(word.count == 2 * cell->count && !(word.std_error < 0));
}

static void check_words(const global_facts *facts, const global_words *words)
{
    for (size_t i = 0; i < words->n_words; i++) {
        const global_word *word = &words->words[i];
        FUZZ_REQUIRE(word->n_cells >= 1);
        FUZZ_REQUIRE(i == 0 || global_word_compare(word[-1].text, word[-1].size, word->text, word->size) < 0);
        for (size_t k = 0; k < word->n_cells; k++) {
            FUZZ_REQUIRE(k == 0 || global_cell_compare(&word->cells[k - 1], &word->cells[k]) < 0);
            check_cell(facts, &word->cells[k]);
        }
    }
}

static asc_status read_all(const global_file *file, asc_error *err)
{
    const global_facts *facts = global_file_facts(file);
    const size_t n_words = global_file_n_words(file), at_once = global_file_words_at_once(file);
    uint64_t *ids = NULL;
    for (size_t i = 0; i < facts->n_groups; i++)
        FUZZ_REQUIRE(facts->groups[i].label < (int64_t)facts->n_label_names && facts->groups[i].prediction < (int64_t)facts->n_classes);
    asc_status status = global_file_read_ids(file, 0, (size_t)facts->n_rows, &ids, err);
    for (size_t i = 1; status == ASC_OK && i < facts->n_rows; i++)
        FUZZ_REQUIRE(ids[i] > ids[i - 1]);
    free(ids);
    for (size_t first = 0; status == ASC_OK && first < n_words; first += at_once) {
        global_words words;
        status = global_file_read(file, first, n_words - first < at_once ? n_words - first : at_once, &words, err);
        if (status == ASC_OK)
            check_words(facts, &words);
        global_words_free(&words);
    }
    return status;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char path[] = ASCRIBE_FUZZ_CORPUS "/global/contiguous.h5";
    global_file *file = NULL; // what is not accepted whole is no place to plant damage in
    (void)argc;
    (void)argv;
    hdf5_arrays_load(path, 40);
    FUZZ_REQUIRE(global_file_open_here(path, &file, NULL) == ASC_OK && read_all(file, NULL) == ASC_OK);
    global_file_close(file);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    global_file *file = NULL;
    asc_error err = {0};
    const char *path = fuzz_named_file(bytes, size);
    asc_status status = hdf5_only_arrays_differ(bytes, size) ? global_file_open_here(path, &file, &err) : global_file_open(path, &file, &err);
    FUZZ_REQUIRE((status == ASC_OK) == (file != NULL));
    if (status == ASC_OK)
        status = read_all(file, &err);
    FUZZ_REQUIRE(status == ASC_OK || status == ASC_MALFORMED || status == ASC_OUT_OF_MEMORY);
    global_file_close(file);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    return hdf5_arrays_mutate(bytes, size, max_size, seed);
}
