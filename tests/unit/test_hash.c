// SHA-256 against the examples of FIPS 180-2/180-4 and NIST's one million 'a'; pieces of any size give the
// same digest.
#include "base/file.h"
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "temp_folder.h"

static const char hash_of_nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char hash_of_abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char hash_of_56_bytes[] = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
static const char hash_of_112_bytes[] = "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1";
static const char hash_of_million_a[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static const char text_56[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
static const char text_112[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                               "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";

static void expect_hash(const void *bytes, size_t size, const char *expected)
{
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX_SIZE];
    hash_bytes(bytes, size, digest);
    hash_hex(digest, hex);
    assert_string_equal(hex, expected);
}

static void fips_vectors(void **state)
{
    (void)state;
    expect_hash(NULL, 0, hash_of_nothing);
    expect_hash("abc", 3, hash_of_abc);
    expect_hash(text_56, strlen(text_56), hash_of_56_bytes);
    expect_hash(text_112, strlen(text_112), hash_of_112_bytes);
}

static void pieces_of_any_size(void **state)
{
    (void)state;
    asc_error err;
    for (size_t piece = 1; piece <= 112; piece++) {
        hash_state *hash = NULL;
        uint8_t digest[HASH_BYTES];
        char hex[HASH_HEX_SIZE];
        assert_int_equal(hash_open(&hash, &err), ASC_OK);
        hash_add(hash, NULL, 0);
        for (size_t at = 0; at < 112; at += piece)
            hash_add(hash, text_112 + at, 112 - at < piece ? 112 - at : piece);
        hash_finish(hash, digest);
        hash_hex(digest, hex);
        assert_string_equal(hex, hash_of_112_bytes);
    }
}

static void closing_without_finishing(void **state)
{
    (void)state;
    hash_state *hash = NULL;
    assert_int_equal(hash_open(&hash, NULL), ASC_OK);
    hash_add(hash, "abc", 3);
    hash_close(hash);
    hash_close(NULL);
}

static void files(void **state)
{
    (void)state;
    enum { MILLION = 1000000 };
    char folder[TEMP_PATH_SIZE], path[TEMP_PATH_SIZE], hex[HASH_HEX_SIZE];
    uint8_t digest[HASH_BYTES];
    asc_error err;
    temp_folder_make(folder);
    temp_folder_join(folder, "million", path);
    char *bytes = malloc(MILLION);
    assert_non_null(bytes);
    memset(bytes, 'a', MILLION);
    temp_file_write(path, bytes, MILLION);
    free(bytes);
    assert_int_equal(hash_file(path, digest, &err), ASC_OK);
    hash_hex(digest, hex);
    assert_string_equal(hex, hash_of_million_a);

    temp_file_write(path, NULL, 0);
    assert_int_equal(hash_file(path, digest, &err), ASC_OK);
    hash_hex(digest, hex);
    assert_string_equal(hex, hash_of_nothing);

    temp_folder_join(folder, "missing", path);
    assert_int_equal(hash_file(path, digest, &err), ASC_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "No such file"));
    assert_int_equal(hash_file(folder, digest, &err), ASC_NOT_FOUND);
    assert_non_null(strstr(err.message, "expected a regular file, found a folder"));
    temp_folder_remove(folder);
}

static void bounded_reading(void **state)
{
    (void)state;
    char folder[TEMP_PATH_SIZE], path[TEMP_PATH_SIZE];
    uint8_t *bytes = NULL;
    size_t size = 0;
    asc_error err;
    temp_folder_make(folder);
    temp_folder_join(folder, "file", path);
    temp_file_write(path, "12345", 5);
    assert_int_equal(file_read(path, 5, &bytes, &size, &err), ASC_OK);
    assert_int_equal(size, 5);
    assert_memory_equal(bytes, "12345", 5);
    free(bytes);
    assert_int_equal(file_read(path, 4, &bytes, &size, &err), ASC_MALFORMED);
    assert_null(bytes);
    assert_non_null(strstr(err.message, "expected at most 4 bytes, found 5"));

    temp_file_write(path, NULL, 0);
    assert_int_equal(file_read(path, 0, &bytes, &size, &err), ASC_OK);
    assert_int_equal(size, 0);
    assert_non_null(bytes);
    free(bytes);

    temp_folder_join(folder, "pipe", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_read(path, 100, &bytes, &size, &err), ASC_NOT_FOUND);
    assert_non_null(strstr(err.message, "found a pipe"));
    assert_null(bytes);
    temp_folder_remove(folder);
}

static void reading_past_the_end(void **state)
{
    (void)state;
    char folder[TEMP_PATH_SIZE], path[TEMP_PATH_SIZE];
    uint8_t bytes[8];
    int descriptor = -1;
    size_t size = 0;
    asc_error err;
    temp_folder_make(folder);
    temp_folder_join(folder, "file", path);
    temp_file_write(path, "12345", 5);
    assert_int_equal(file_open(path, &descriptor, &size, &err), ASC_OK);
    assert_int_equal(size, 5);
    assert_int_equal(file_read_exactly(descriptor, path, bytes, 8, &err), ASC_IO_ERROR);
    assert_non_null(strstr(err.message, "3 bytes missing"));
    close(descriptor);
    temp_folder_remove(folder);
}

static int from_the_third_on(void *user)
{
    int *n_questions = user;
    return ++*n_questions > 2;
}

static void hashing_is_stopped_between_pieces(void **state)
{
    char folder[TEMP_PATH_SIZE], path[TEMP_PATH_SIZE];
    static char bytes[1 << 20];
    uint8_t digest[HASH_BYTES];
    asc_error err = {0};
    int n_questions = 0;
    (void)state;
    temp_folder_make(folder);
    temp_folder_join(folder, "file", path);
    temp_file_write(path, bytes, sizeof bytes);
    assert_int_equal(hash_file_or_stop(path, &(stop_check){from_the_third_on, &n_questions}, digest, &err), ASC_STOPPED);
    assert_int_equal(n_questions, 3);
    temp_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fips_vectors),
        cmocka_unit_test(pieces_of_any_size),
        cmocka_unit_test(closing_without_finishing),
        cmocka_unit_test(files),
        cmocka_unit_test(bounded_reading),
        cmocka_unit_test(reading_past_the_end),
        cmocka_unit_test(hashing_is_stopped_between_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
