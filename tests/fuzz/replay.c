// Drives a fuzz target without libFuzzer: TARGET FILE|FOLDER... runs every file, then N_MUTANTS of them by the target's own
// mutator, always the same ones.
#include "fuzz.h"
#include "mutate.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_SIZE = 1 << 20, ROOM = 16384, N_ROUNDS = 6 };

static size_t n_files, n_mutants_per_file = 2000;

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t max_size)
{
    dice d = {size ? (uint64_t)bytes[size / 2] << 32 | (uint64_t)size << 8 | bytes[size - 1] : 1};
    for (size_t i = 0; i < size; i++)
        d.state = d.state * 31 + bytes[i];
    if (size < max_size && dice_one_in(&d, 8))
        bytes[size++] = (uint8_t)dice_roll(&d);
    else if (size > 0 && dice_one_in(&d, 8))
        size = dice_below(&d, size);
    mutate_bytes(&d, bytes, size);
    return size;
}

// Chains of mutants, a few steps long, so that changes add up.
static void run_mutants(const uint8_t *bytes, size_t size)
{
    const size_t room = size + ROOM;
    uint8_t *mutant = malloc(room);
    size_t mutant_size = size;
    if (!mutant)
        exit(2);
    for (size_t i = 0; i < n_mutants_per_file; i++) {
        if (i % N_ROUNDS == 0) {
            memcpy(mutant, bytes, size);
            mutant_size = size;
        }
        mutant_size = LLVMFuzzerCustomMutator(mutant, mutant_size, room, (unsigned)i);
        LLVMFuzzerTestOneInput(mutant, mutant_size);
    }
    free(mutant);
}

static void run_file(const char *path)
{
    uint8_t *bytes = malloc(MAX_SIZE);
    FILE *file = fopen(path, "rb");
    if (!bytes || !file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    const size_t size = fread(bytes, 1, MAX_SIZE, file);
    fclose(file);
    uint8_t *exact = malloc(size ? size : 1); // so that a sanitizer sees a step beyond the end
    if (!exact)
        exit(2);
    memcpy(exact, bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    run_mutants(exact, size);
    n_files++;
    free(exact);
    free(bytes);
}

static void run_folder(const char *path)
{
    struct dirent **entries = NULL;
    const int n = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char name[2048];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            run_file(name);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        struct stat facts;
        if (strncmp(argv[i], "--mutants=", 10) == 0)
            n_mutants_per_file = strtoull(argv[i] + 10, NULL, 10);
        else if (stat(argv[i], &facts) == 0 && S_ISDIR(facts.st_mode))
            run_folder(argv[i]);
        else
            run_file(argv[i]);
    }
    printf("%zu files, %zu mutants of each: nothing broken\n", n_files, n_mutants_per_file);
    return n_files > 0 ? 0 : 1;
}
