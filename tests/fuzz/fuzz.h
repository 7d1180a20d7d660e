// What every fuzz target shares: the three entry points that libFuzzer knows, a file in memory, and the check that a
// target makes of what came back. replay.c drives the same targets without libFuzzer.
#ifndef ASCRIBE_TESTS_FUZZ_H
#define ASCRIBE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t max_size); // libFuzzer's own, or replay.c's

// The one file of the target, with this content; its name is valid until the next call.
const char *fuzz_file(const uint8_t *bytes, size_t size);

// The same under a name in $TMPDIR (or /tmp), for libraries that take no other; the file goes when the process ends well.
const char *fuzz_named_file(const uint8_t *bytes, size_t size);

__extension__ typedef unsigned __int128 fuzz_wide; // counts that cannot wrap

// A promise of the code under test; ends the process when it is broken.
#define FUZZ_REQUIRE(promise) ((promise) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #promise))
_Noreturn void fuzz_broken(const char *file, int line, const char *promise);

#endif
