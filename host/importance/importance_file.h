// The file of global importance from prediction error, `ascribe-importance` v1: a line for each group.
#ifndef ASCRIBE_IMPORTANCE_IMPORTANCE_FILE_H
#define ASCRIBE_IMPORTANCE_IMPORTANCE_FILE_H

#include <ascribe/importance.h>

#include "base/stop.h"

typedef struct importance_file {
    const char *path;
    bool force;
    stop_check stop;
    const char *settings; // JSON: model, dataset, and how it was computed
    const asc_importance_info *info;
} importance_file;

// As column_file_write.
asc_status importance_file_write(const importance_file *file, asc_error *err);

#endif
