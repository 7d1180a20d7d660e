// OUT.parts: the names in it, who may work there, and what a killed process left behind.
//
//   run.json                 what the run is (run_record.h)
//   part-NNNNNNNN.part       a finished part; .part.bad: one that was damaged
//   task-NNNN.lock, run.lock, merge.lock    held (flock) by whoever is at work, and who that is
//   progress-NNNN.json       where a task stands (run_progress.h)
//   NAME.<host>.<pid>.<random>.tmp          not finished (base/durable.h); the merge's is called result
//
// The folder itself is locked too: shared by the tasks of a plan, exclusive by a run without plan and by the merge. On NFS that lock is this
// machine's alone, so that each looks at the lock files of the others besides. Where a file system has no locks, all go on without: parts are the same bytes whoever writes them, and get their names whole.
#ifndef ASCRIBE_EXPLAIN_RUN_FOLDER_H
#define ASCRIBE_EXPLAIN_RUN_FOLDER_H

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct run_folder {
    char *path;
    int descriptor;  // of the folder, locked; -1: not taken
    bool alone;      // the lock is exclusive, and there is one
    char *lock_path; // of the own lock file, or NULL
    int lock;        // its descriptor, or -1
} run_folder;

typedef enum run_role { RUN_ROLE_ALONE, RUN_ROLE_TASK, RUN_ROLE_MERGE } run_role;

typedef struct run_claim {
    run_role role;
    size_t task;        // of RUN_ROLE_TASK
    const char *job_id; // may be NULL
} run_claim;

// OUT_PATH.parts. Not taken yet.
asc_status run_folder_name(const char *out_path, run_folder *folder, asc_error *err);

// Makes the folder (RUN_ROLE_MERGE: ASC_NOT_FOUND where there is none) and takes the locks. ASC_CANNOT_CREATE names who holds them.
asc_status run_folder_take(run_folder *folder, const run_claim *claim, asc_error *err);

// Whether a process holds the lock of the task, or of a run of all of them. Locks of other machines may not be seen here.
bool run_folder_is_worked_on(const run_folder *folder, size_t task);

// Removes unfinished files that our locks cover, all where the folder is ours alone, else those of parts [first_part, end_part); but none
// of a process of this host that lives.
void run_folder_sweep(const run_folder *folder, size_t first_part, size_t end_part);

// Removes everything that a run leaves, the record last; other people's files stay.
void run_folder_clear(const run_folder *folder);

// Lets go of the locks, and removes the folder when it is empty.
void run_folder_release(run_folder *folder);
void run_folder_free(run_folder *folder); // releases too

// PATH/NAME, name as by snprintf; the caller frees *path.
asc_status run_folder_join(const run_folder *folder, const char *name, char **path, asc_error *err);

// Kinds of names.
typedef enum run_file { RUN_FILE_OTHER, RUN_FILE_RECORD, RUN_FILE_PART, RUN_FILE_BAD, RUN_FILE_LOCK, RUN_FILE_PROGRESS, RUN_FILE_UNFINISHED } run_file;
// *index: of a part, also of an unfinished one; SIZE_MAX for none.
run_file run_file_kind(const char *name, size_t *index);

// Calls `visit` for every name in the folder that is ours.
typedef void run_file_visit(void *user, const char *name, run_file kind, size_t index);
void run_folder_list(const run_folder *folder, run_file_visit *visit, void *user);

#define RUN_RECORD_NAME "run.json"
enum { RUN_NAME_SIZE = 48 };
void run_progress_name(size_t task, char name[RUN_NAME_SIZE]);

#endif
