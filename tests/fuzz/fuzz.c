// See fuzz.h.
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void fill(int descriptor, const uint8_t *bytes, size_t size)
{
    if (descriptor < 0 || ftruncate(descriptor, (off_t)size) != 0 ||
        pwrite(descriptor, bytes, size, 0) != (ssize_t)size) {
        perror("fuzz: the input cannot be written to a file");
        abort();
    }
}

const char *fuzz_file(const uint8_t *bytes, size_t size)
{
    static int descriptor = -1;
    static char path[64];
    if (descriptor < 0) {
        descriptor = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
    fill(descriptor, bytes, size);
    return path;
}

static char named_path[1024];

static void remove_named(void)
{
    unlink(named_path);
}

const char *fuzz_named_file(const uint8_t *bytes, size_t size)
{
    static int descriptor = -1;
    if (descriptor < 0) {
        const char *base = getenv("TMPDIR");
        snprintf(named_path, sizeof named_path, "%s/ascribe-fuzz-XXXXXX", base && *base ? base : "/tmp");
        descriptor = mkstemp(named_path);
        atexit(remove_named);
    }
    fill(descriptor, bytes, size);
    return named_path;
}

void fuzz_broken(const char *file, int line, const char *promise)
{
    fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, promise);
    abort();
}
