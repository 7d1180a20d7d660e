// A library to preload: names of temporary files that are known beforehand, and writes that do less than they were asked for.
//
// FAULTS_NAMES=1: the process number and the random number in a temporary file's name are always the same, so that strace can be told the name.
// FAULTS_WRITES: what write and pwrite do to files (pipes and terminals are left alone):
//   half   half of the bytes; one   a single byte; interrupted   every second call EINTR; mixed   these three in turn
//   lost   half of the bytes of a pwrite, and success told for all, as a disk does that lies: only reading again can tell
// FAULTS_REPORT=FILE: there a byte is appended for each write that was changed.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STEADY_PID = 4194303, NAME_BYTES = 8, STEADY_BYTE = 0x5a, NOT_OPEN = -2 };

typedef enum { WHOLE, HALF, ONE, INTERRUPTED, LOST } change;

static atomic_uint n_writes;
static atomic_int report_file = NOT_OPEN;

static bool has_steady_names(void)
{
    return getenv("FAULTS_NAMES") != NULL;
}

pid_t getpid(void)
{
    return has_steady_names() ? STEADY_PID : (pid_t)syscall(SYS_getpid);
}

ssize_t getrandom(void *bytes, size_t size, unsigned flags)
{
    if (size != NAME_BYTES || !has_steady_names())
        return syscall(SYS_getrandom, bytes, size, flags);
    memset(bytes, STEADY_BYTE, size);
    return (ssize_t)size;
}

static bool is_file(int descriptor)
{
    struct stat facts;
    return fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode);
}

static change choose(int descriptor, size_t size, bool at_offset)
{
    static const change in_turn[] = {HALF, INTERRUPTED, ONE, WHOLE};
    const char *word = getenv("FAULTS_WRITES");
    if (!word || size < 2 || !is_file(descriptor))
        return WHOLE;
    const unsigned number = atomic_fetch_add(&n_writes, 1);
    switch (word[0]) {
    case 'h': return HALF;
    case 'o': return ONE;
    case 'i': return number % 2 ? WHOLE : INTERRUPTED;
    case 'l': return at_offset ? LOST : WHOLE;
    default: return in_turn[number % 4];
    }
}

static void report(void)
{
    const char *path = getenv("FAULTS_REPORT");
    int file = atomic_load(&report_file);
    if (!path)
        return;
    if (file == NOT_OPEN)
        atomic_store(&report_file, file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
    syscall(SYS_write, file, "x", 1);
}

// The bytes that are to be written; 0: the call is interrupted.
static size_t shorten(change how, size_t size)
{
    if (how == WHOLE)
        return size;
    report();
    return how == INTERRUPTED ? 0 : how == ONE ? 1 : size / 2;
}

ssize_t write(int descriptor, const void *bytes, size_t size)
{
    const change how = choose(descriptor, size, false);
    const size_t taken = shorten(how, size);
    if (how != INTERRUPTED)
        return syscall(SYS_write, descriptor, bytes, taken);
    errno = EINTR;
    return -1;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t size, off64_t offset)
{
    const change how = choose(descriptor, size, true);
    const size_t taken = shorten(how, size);
    if (how == INTERRUPTED) {
        errno = EINTR;
        return -1;
    }
    const ssize_t written = syscall(SYS_pwrite64, descriptor, bytes, taken, offset);
    return how == LOST && written > 0 ? (ssize_t)size : written;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t offset)
{
    return pwrite64(descriptor, bytes, size, offset);
}
