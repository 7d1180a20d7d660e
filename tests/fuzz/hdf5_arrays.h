// What the targets that read HDF5 share. Two kinds of damage: in the arrays of a sound file (hostile offsets, features, ids), which our
// own code must stand in this very process; and anywhere, read as the commands read it, where libhdf5 may die in its child but this
// process may not.
#ifndef ASCRIBE_TESTS_HDF5_ARRAYS_H
#define ASCRIBE_TESTS_HDF5_ARRAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The sound file, whose arrays lie plain in it, `least_arrays` or more.
void hdf5_arrays_load(const char *path, size_t least_arrays);

// Whether the input is the sound file but for what its arrays hold.
bool hdf5_only_arrays_differ(const uint8_t *bytes, size_t size);

// The targets' mutator: mostly the first kind of damage.
size_t hdf5_arrays_mutate(uint8_t *bytes, size_t size, size_t max_size, unsigned seed);

#endif
