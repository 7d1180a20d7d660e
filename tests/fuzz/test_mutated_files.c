// Damaged dataset and result files, thousands of them: whatever they do to libhdf5, the process that reads them as the
// commands do (open, check, read; verify) lives and returns a documented status.
//
// test_mutated_files [N_FILES [FIRST_SEED [FOLDER]]]: mutants of the files in the corpus; those that kill a reader are kept in
// FOLDER. A batch of mutants is read by one process, so that a death is told with its seed and the rest goes on.
#include <ascribe/dataset.h>
#include <ascribe/result.h>

#include "mutate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
// libhdf5 1.10 itself loses memory when it refuses some damaged files.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}
#endif

enum { FILES_PER_BATCH = 100, DEFAULT_FILES = 2000 };

static const char *const seed_names[] = {"dataset/chunked.h5", "dataset/contiguous.h5", "result/small.h5"};
enum { N_SEEDS = sizeof seed_names / sizeof *seed_names };

// Mutants that kill libhdf5 1.10.8 in reading; another version may read or refuse them.
static const char *const killer_names[] = {"killer/result-1006430.h5"};

typedef struct seed_file {
    uint8_t *bytes;
    size_t size;
    bool is_result;
} seed_file;

// What became of the mutants of a batch; filled by the child in shared memory.
typedef struct tally {
    size_t n_accepted, n_refused, n_died, n_other;
    uint64_t at; // the seed that is being read
} tally;

static seed_file load_seed(const char *name)
{
    char path[1024];
    seed_file seed = {.is_result = strstr(name, "/small") != NULL || strstr(name, "/result-") != NULL};
    snprintf(path, sizeof path, "%s/%s", ASCRIBE_FUZZ_CORPUS, name);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    seed.size = (size_t)ftell(file);
    rewind(file);
    seed.bytes = malloc(seed.size);
    if (!seed.bytes || fread(seed.bytes, 1, seed.size, file) != seed.size)
        exit(2);
    fclose(file);
    return seed;
}

static asc_status read_dataset(const char *path, asc_error *err)
{
    asc_dataset *data = NULL;
    asc_status status = asc_dataset_open(path, &data, err);
    if (status != ASC_OK)
        return status;
    const size_t n_rows = asc_dataset_describe(data)->n_rows;
    status = asc_dataset_check(data, 0, n_rows, err);
    for (size_t first = 0; first < n_rows && status == ASC_OK; first += 64) {
        asc_rows *rows = NULL;
        status = asc_dataset_read(data, first, n_rows - first < 64 ? n_rows - first : 64, &rows, err);
        asc_rows_free(rows);
    }
    asc_dataset_close(data);
    return status;
}

static asc_status read_result(const char *path, asc_error *err)
{
    asc_result *result = NULL;
    asc_verify_report report;
    asc_status status = asc_result_verify(path, &report, err);
    if (status != ASC_OK && status != ASC_FAILED_CHECK)
        return status;
    status = asc_result_open(path, &result, err);
    if (status != ASC_OK)
        return status;
    const size_t n_rows = asc_result_describe(result)->n_rows;
    asc_result_rows *rows = NULL;
    status = asc_result_check(result, 0, n_rows, err);
    if (status == ASC_OK)
        status = asc_result_read(result, 0, n_rows, &rows, err);
    asc_result_rows_free(rows);
    asc_result_close(result);
    return status;
}

static void save_bytes(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
}

static asc_status read_file(const seed_file *seed, const char *path, asc_error *err)
{
    return seed->is_result ? read_result(path, err) : read_dataset(path, err);
}

static void keep(const char *path, const char *keep_in, uint64_t number)
{
    char kept[1024];
    snprintf(kept, sizeof kept, "%s/mutant-%llu.h5", keep_in, (unsigned long long)number);
    if (keep_in && link(path, kept) == 0)
        unlink(path);
}

static void read_mutant(const seed_file *seed, uint64_t number, const char *path, const char *keep_in, tally *count)
{
    asc_error err = {0};
    dice d = {number * 0x100000001b3u};
    uint8_t *bytes = malloc(seed->size);
    if (!bytes)
        exit(2);
    memcpy(bytes, seed->bytes, seed->size);
    mutate_hdf5(&d, bytes, seed->size);
    save_bytes(path, bytes, dice_one_in(&d, 10) ? dice_below(&d, seed->size) : seed->size);
    free(bytes);
    const asc_status status = read_file(seed, path, &err);
    if (status == ASC_OK)
        count->n_accepted++;
    else if (status == ASC_MALFORMED && strstr(err.message, "the reader died")) {
        printf("mutant %llu: %s\n", (unsigned long long)number, err.message);
        count->n_died++;
        keep(path, keep_in, number);
    }
    else if (status == ASC_MALFORMED || status == ASC_OUT_OF_MEMORY)
        count->n_refused++;
    else {
        fprintf(stderr, "mutant %llu: unexpected status %d: %s\n", (unsigned long long)number, (int)status, err.message);
        count->n_other++;
    }
}

// Reads mutants first .. first + count - 1; false when the reading process died.
static bool read_batch(const seed_file *seeds, uint64_t first, size_t count, const char *keep_in, tally *shared)
{
    int facts = 0;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        char path[1024];
        const char *base = getenv("TMPDIR");
        snprintf(path, sizeof path, "%s/ascribe-mutant-%ld.h5", base && *base ? base : "/tmp", (long)getpid());
        for (uint64_t number = first; number < first + count; number++) {
            shared->at = number;
            read_mutant(&seeds[number % N_SEEDS], number, path, keep_in, shared);
        }
        unlink(path);
        exit(0); // with what HDF5 does at exit
    }
    if (child < 0 || waitpid(child, &facts, 0) != child)
        exit(2);
    if (WIFEXITED(facts) && WEXITSTATUS(facts) == 0)
        return true;
    fprintf(stderr, "mutant %llu: the reading process ended with %s %d\n", (unsigned long long)shared->at,
            WIFSIGNALED(facts) ? "signal" : "code", WIFSIGNALED(facts) ? WTERMSIG(facts) : WEXITSTATUS(facts));
    return false;
}

// In this very process, which lives on.
static size_t read_killers(void)
{
    size_t n_wrong = 0;
    for (size_t i = 0; i < sizeof killer_names / sizeof *killer_names; i++) {
        char path[1024];
        asc_error err = {0};
        const seed_file file = load_seed(killer_names[i]);
        snprintf(path, sizeof path, "%s/%s", ASCRIBE_FUZZ_CORPUS, killer_names[i]);
        const asc_status status = read_file(&file, path, &err);
        printf("%s: %s\n", killer_names[i], status == ASC_OK ? "accepted" : err.message);
        n_wrong += status != ASC_OK && status != ASC_MALFORMED;
        free(file.bytes);
    }
    return n_wrong;
}

int main(int argc, char **argv)
{
    const size_t n_files = argc > 1 ? strtoull(argv[1], NULL, 10) : DEFAULT_FILES;
    const uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    seed_file seeds[N_SEEDS];
    size_t n_dead = read_killers();
    tally *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 2;
    for (size_t i = 0; i < N_SEEDS; i++)
        seeds[i] = load_seed(seed_names[i]);
    for (size_t done = 0; done < n_files; done += FILES_PER_BATCH)
        n_dead += !read_batch(seeds, first + done, n_files - done < FILES_PER_BATCH ? n_files - done : FILES_PER_BATCH,
                              argc > 3 ? argv[3] : NULL, shared);
    printf("%zu damaged files: %zu accepted, %zu refused, %zu killed their first reader; %zu killed the program, "
           "%zu gave another status\n",
           n_files, shared->n_accepted, shared->n_refused, shared->n_died, n_dead, shared->n_other);
    for (size_t i = 0; i < N_SEEDS; i++)
        free(seeds[i].bytes);
    // Where nothing is refused, or all is, the mutator has lost its bite.
    const bool biting = shared->n_refused > 0 && shared->n_accepted > 0;
    return n_dead == 0 && shared->n_other == 0 && biting ? 0 : 1;
}
