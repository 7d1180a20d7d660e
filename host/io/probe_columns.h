// The columns of `ascribe-probe` v1 and their shapes: one table for writing and reading.
#ifndef ASCRIBE_IO_PROBE_COLUMNS_H
#define ASCRIBE_IO_PROBE_COLUMNS_H

#include "io/h5file.h"
#include "io/probe_file.h"

// dataset, type, lines by what, columns (0: none)
h5set_shape probe_column_shape(const probe_facts *facts, probe_column column);
const char *probe_column_name(probe_column column);
bool probe_column_is_there(const probe_facts *facts, probe_column column);

#endif
