// Open addressing with linear probing, tables of powers of two at most half full; see tally.h.
#include "global/tally.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_WORDS = 64, LEAST_BYTES = 1024, LEAST_CELLS = 256 };
#define NO_ENTRY UINT32_MAX
#define MOST_ENTRIES ((size_t)1 << 31) // indexes have 32 bits

typedef struct word_entry {
    uint64_t hash;
    size_t begin, size; // of its text
} word_entry;

struct tally {
    size_t limit;
    char *text;
    word_entry *words;
    global_cell *cells;
    uint32_t *cell_words; // [cell] its word
    uint32_t *word_slots, *cell_slots; // twice the capacities
    size_t n_bytes, n_words, n_cells;
    size_t byte_capacity, word_capacity, cell_capacity; // words and cells: powers of two
};

static size_t memory_of(size_t n_bytes, size_t n_words, size_t n_cells)
{
    return n_bytes + n_words * (sizeof(word_entry) + 2 * sizeof(uint32_t)) + n_cells * (sizeof(global_cell) + 3 * sizeof(uint32_t));
}

asc_status tally_create(size_t limit, tally **out, asc_error *err)
{
    tally *t = calloc(1, sizeof *t);
    if (!t)
        return fail_memory(err, "the table of words", sizeof *t);
    t->limit = limit;
    *out = t;
    return ASC_OK;
}

void tally_free(tally *t)
{
    if (!t)
        return;
    free(t->cell_slots);
    free(t->word_slots);
    free(t->cell_words);
    free(t->cells);
    free(t->words);
    free(t->text);
    free(t);
}

// FNV-1a's step over words, then a finaliser (MurmurHash3's): low bits must be good.
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

static uint64_t hash_text(const char *text, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
    return mix(hash);
}

static uint64_t hash_key(uint32_t word, const global_cell *key)
{
    const uint64_t a = (uint64_t)word << 32 | (uint32_t)key->class_index;
    const uint64_t b = (uint64_t)(uint32_t)key->label << 32 | (uint32_t)key->prediction;
    return mix(mix(a) ^ b * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)(uint32_t)key->position << 7);
}

// Where the word stands in word_slots, or the empty slot where it belongs.
static size_t word_slot(const tally *t, uint64_t hash, const char *text, size_t size)
{
    size_t slot = (size_t)hash & (2 * t->word_capacity - 1);
    for (; t->word_slots[slot] != NO_ENTRY; slot = (slot + 1) & (2 * t->word_capacity - 1)) {
        const word_entry *entry = &t->words[t->word_slots[slot]];
        if (entry->hash == hash && entry->size == size && memcmp(t->text + entry->begin, text, size) == 0)
            break;
    }
    return slot;
}

static size_t cell_slot(const tally *t, uint32_t word, const global_cell *key)
{
    size_t slot = (size_t)hash_key(word, key) & (2 * t->cell_capacity - 1);
    for (; t->cell_slots[slot] != NO_ENTRY; slot = (slot + 1) & (2 * t->cell_capacity - 1)) {
        const uint32_t cell = t->cell_slots[slot];
        if (t->cell_words[cell] == word && global_cell_compare(&t->cells[cell], key) == 0)
            break;
    }
    return slot;
}

static size_t power_of_two(size_t least, size_t count)
{
    while (least < count)
        least *= 2;
    return least;
}

static asc_status resize(void *pointer, size_t count, size_t size, asc_error *err)
{
    void *memory = NULL;
    memcpy(&memory, pointer, sizeof memory);
    void *const larger = realloc(memory, count * size);
    if (!larger)
        return fail_memory(err, "the table of words", count * size);
    memcpy(pointer, &larger, sizeof larger);
    return ASC_OK;
}

static asc_status grow_words(tally *t, size_t capacity, asc_error *err)
{
    TRY(resize(&t->words, capacity, sizeof *t->words, err));
    TRY(resize(&t->word_slots, 2 * capacity, sizeof *t->word_slots, err));
    t->word_capacity = capacity;
    memset(t->word_slots, 0xff, 2 * capacity * sizeof *t->word_slots);
    for (size_t i = 0; i < t->n_words; i++)
        t->word_slots[word_slot(t, t->words[i].hash, t->text + t->words[i].begin, t->words[i].size)] = (uint32_t)i;
    return ASC_OK;
}

static asc_status grow_cells(tally *t, size_t capacity, asc_error *err)
{
    TRY(resize(&t->cells, capacity, sizeof *t->cells, err));
    TRY(resize(&t->cell_words, capacity, sizeof *t->cell_words, err));
    TRY(resize(&t->cell_slots, 2 * capacity, sizeof *t->cell_slots, err));
    t->cell_capacity = capacity;
    memset(t->cell_slots, 0xff, 2 * capacity * sizeof *t->cell_slots);
    for (size_t i = 0; i < t->n_cells; i++)
        t->cell_slots[cell_slot(t, t->cell_words[i], &t->cells[i])] = (uint32_t)i;
    return ASC_OK;
}

asc_status tally_reserve(tally *t, tally_need need, runs *to, asc_error *err)
{
    size_t n_words = power_of_two(LEAST_WORDS, t->n_words + need.n_words), n_cells = power_of_two(LEAST_CELLS, t->n_cells + need.n_cells);
    size_t n_bytes = power_of_two(LEAST_BYTES, t->n_bytes + need.n_bytes);
    const bool fits = n_words <= t->word_capacity && n_cells <= t->cell_capacity && n_bytes <= t->byte_capacity;
    if (!fits && t->n_words > 0 && memory_of(n_bytes, n_words, n_cells) > t->limit) {
        TRY(tally_spill(t, to, err));
        n_words = power_of_two(LEAST_WORDS, need.n_words);
        n_cells = power_of_two(LEAST_CELLS, need.n_cells);
        n_bytes = power_of_two(LEAST_BYTES, need.n_bytes);
    }
    if (n_words > MOST_ENTRIES || n_cells > MOST_ENTRIES)
        return fail_memory(err, "the words of one row", memory_of(n_bytes, n_words, n_cells));
    if (n_bytes > t->byte_capacity) {
        TRY(resize(&t->text, n_bytes, 1, err));
        t->byte_capacity = n_bytes;
    }
    if (n_words > t->word_capacity)
        TRY(grow_words(t, n_words, err));
    return n_cells > t->cell_capacity ? grow_cells(t, n_cells, err) : ASC_OK;
}

uint32_t tally_word(tally *t, const char *text, size_t size)
{
    const uint64_t hash = hash_text(text, size);
    const size_t slot = word_slot(t, hash, text, size);
    if (t->word_slots[slot] != NO_ENTRY)
        return t->word_slots[slot];
    assert(t->n_words < t->word_capacity && size <= t->byte_capacity - t->n_bytes);
    t->words[t->n_words] = (word_entry){hash, t->n_bytes, size};
    memcpy(t->text + t->n_bytes, text, size);
    t->n_bytes += size;
    t->word_slots[slot] = (uint32_t)t->n_words;
    return (uint32_t)t->n_words++;
}

const char *tally_text(const tally *t, uint32_t word, size_t *size)
{
    *size = t->words[word].size;
    return t->text + t->words[word].begin;
}

global_cell *tally_cell(tally *t, uint32_t word, const global_cell *key)
{
    const size_t slot = cell_slot(t, word, key);
    if (t->cell_slots[slot] != NO_ENTRY)
        return &t->cells[t->cell_slots[slot]];
    assert(t->n_cells < t->cell_capacity);
    t->cells[t->n_cells] = (global_cell){key->class_index, key->label, key->prediction, key->position, .count = 0};
    t->cell_words[t->n_cells] = word;
    t->cell_slots[slot] = (uint32_t)t->n_cells;
    return &t->cells[t->n_cells++];
}

// ---- Spilling ----

static int by_text(const void *left, const void *right, void *context)
{
    const tally *t = context;
    const word_entry *a = &t->words[*(const uint32_t *)left], *b = &t->words[*(const uint32_t *)right];
    return global_word_compare(t->text + a->begin, a->size, t->text + b->begin, b->size);
}

static int by_key(const void *left, const void *right)
{
    return global_cell_compare(left, right);
}

// [n_words + 1] where each word's cells begin in `order`, the cells' numbers by word.
static void group_cells(const tally *t, uint32_t *begin, uint32_t *order)
{
    memset(begin, 0, (t->n_words + 2) * sizeof *begin);
    for (size_t i = 0; i < t->n_cells; i++)
        begin[t->cell_words[i] + 2]++;
    for (size_t i = 2; i < t->n_words + 2; i++)
        begin[i] += begin[i - 1];
    for (size_t i = 0; i < t->n_cells; i++)
        order[begin[t->cell_words[i] + 1]++] = (uint32_t)i;
}

typedef struct spill_order {
    uint32_t *words; // [n_words] by text
    uint32_t *begin; // [n_words + 2]
    uint32_t *cells; // [n_cells] by word
} spill_order;

static asc_status write_sorted(const tally *t, const spill_order *order, FILE *file, asc_error *err)
{
    global_cell *cells = NULL;
    size_t capacity = 0;
    asc_status status = ASC_OK;
    for (size_t i = 0; i < t->n_words && status == ASC_OK; i++) {
        const uint32_t word = order->words[i], first = order->begin[word], end = order->begin[word + 1];
        const size_t n = end - first;
        if (n == 0)
            continue; // only occurrences that have no attribution
        if (n > capacity) {
            capacity = 2 * n;
            status = resize(&cells, capacity, sizeof *cells, err);
        }
        for (size_t k = 0; k < n && status == ASC_OK; k++)
            cells[k] = t->cells[order->cells[first + k]];
        if (status != ASC_OK)
            break;
        qsort(cells, n, sizeof *cells, by_key);
        status = runs_write(file, &(global_word){t->text + t->words[word].begin, t->words[word].size, cells, n}, err);
    }
    free(cells);
    return status == ASC_OK ? runs_finish(file, err) : status;
}

static void forget(tally *t)
{
    t->n_bytes = t->n_words = t->n_cells = 0;
    memset(t->word_slots, 0xff, 2 * t->word_capacity * sizeof *t->word_slots);
    memset(t->cell_slots, 0xff, 2 * t->cell_capacity * sizeof *t->cell_slots);
}

asc_status tally_spill(tally *t, runs *to, asc_error *err)
{
    FILE *file = NULL;
    if (t->n_words == 0)
        return ASC_OK;
    TRY(runs_begin(to, &file, err));
    spill_order order = {.words = malloc(t->n_words * sizeof *order.words),
                         .begin = malloc((t->n_words + 2) * sizeof *order.begin),
                         .cells = malloc((t->n_cells + 1) * sizeof *order.cells)};
    asc_status status = order.words && order.begin && order.cells ? ASC_OK : fail_memory(err, "the order of words", t->n_cells * sizeof *order.cells);
    if (status == ASC_OK) {
        for (size_t i = 0; i < t->n_words; i++)
            order.words[i] = (uint32_t)i;
        qsort_r(order.words, t->n_words, sizeof *order.words, by_text, t);
        group_cells(t, order.begin, order.cells);
        status = write_sorted(t, &order, file, err);
    }
    free(order.cells);
    free(order.begin);
    free(order.words);
    forget(t);
    return status;
}
