// A temporary folder for one test, and whole files in it. Include after cmocka.h: failures here fail the
// test.
#ifndef ASCRIBE_TESTS_TEMP_FOLDER_H
#define ASCRIBE_TESTS_TEMP_FOLDER_H

#include <dirent.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEMP_PATH_SIZE = 512 };

// Makes a new folder under $TMPDIR (or /tmp) and writes its name to `path`.
static inline void temp_folder_make(char path[TEMP_PATH_SIZE])
{
    const char *base = getenv("TMPDIR");
    snprintf(path, TEMP_PATH_SIZE, "%s/ascribe-test-XXXXXX", base && base[0] ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline int temp_remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)facts;
    (void)kind;
    (void)place;
    return remove(path);
}

// Removes the folder and everything in it.
static inline void temp_folder_remove(const char *path)
{
    assert_int_equal(nftw(path, temp_remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

// Number of entries in a folder.
static inline size_t temp_folder_count(const char *path)
{
    size_t n_entries = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        n_entries += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return n_entries;
}

// path = FOLDER/NAME.
static inline void temp_folder_join(const char *folder, const char *name, char path[TEMP_PATH_SIZE])
{
    const int length = snprintf(path, TEMP_PATH_SIZE, "%s/%s", folder, name);
    assert_true(length > 0 && length < TEMP_PATH_SIZE);
}

// Writes a whole file, replacing an old one.
static inline void temp_file_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(size > 0 ? fwrite(bytes, 1, size, file) : 0, size);
    assert_int_equal(fclose(file), 0);
}

// Reads a whole file; the caller frees the bytes.
static inline uint8_t *temp_file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

#endif
