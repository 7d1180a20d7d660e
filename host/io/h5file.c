// The file side of h5file.h: opening, creating, attributes, errors. Datasets are in h5set.c.
#include "io/h5file.h"

#include "io/h5file_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ATTRIBUTE_BYTES = 65000, MAX_LISTED_NAMES = 4096 };

h5_silence h5_silence_begin(void)
{
    h5_silence silence = {0};
    silence.known = H5Eget_auto2(H5E_DEFAULT, &silence.printer, &silence.printer_data) >= 0;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    silence.plugins_known = H5PLget_loading_state(&silence.plugins) >= 0;
    H5PLset_loading_state(0);
    return silence;
}

void h5_silence_end(h5_silence silence)
{
    if (silence.plugins_known)
        H5PLset_loading_state(silence.plugins);
    if (silence.known)
        H5Eset_auto2(H5E_DEFAULT, silence.printer, silence.printer_data);
}

typedef struct innermost {
    char words[256];
} innermost;

static herr_t keep_innermost(unsigned depth, const H5E_error2_t *error, void *data)
{
    innermost *kept = data;
    (void)depth;
    if (kept->words[0] == '\0' && error->desc)
        snprintf(kept->words, sizeof kept->words, "%s", error->desc);
    return 0;
}

// HDF5 wraps an operating system error in a line of addresses and times: keep the system's own words.
static void keep_system_words(char *words)
{
    static const char mark[] = "error message = '";
    const char *begin = strstr(words, mark);
    if (!begin)
        return;
    begin += sizeof mark - 1;
    const size_t length = strcspn(begin, "'");
    memmove(words, begin, length);
    words[length] = '\0';
}

asc_status h5_fail(asc_error *err, asc_status status, const char *format, ...)
{
    innermost kept = {{0}};
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &kept);
    H5Eclear2(H5E_DEFAULT);
    const bool locked = strstr(kept.words, "unable to lock file") != NULL;
    keep_system_words(kept.words);

    char what[700];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    fail(err, status, "%s (HDF5: %s)", what, kept.words[0] ? kept.words : "no details");
    if (locked)
        fail_hint(err, status,
                  "another process is writing the file, or its file system has no locks: "
                  "then set HDF5_USE_FILE_LOCKING=FALSE");
    return status;
}

static asc_status new_file(const char *path, h5file **out, asc_error *err)
{
    const size_t length = strlen(path);
    h5file *file = calloc(1, sizeof *file + length + 1);
    if (!file)
        return fail_memory(err, "an HDF5 file's record", sizeof *file + length + 1);
    memcpy(file->path, path, length + 1);
    *out = file;
    return ASC_OK;
}

static asc_status check_regular(const char *path, asc_error *err)
{
    struct stat facts;
    if (stat(path, &facts) != 0 || access(path, R_OK) != 0)
        return fail(err, ASC_NOT_FOUND, "%s: cannot be opened", path);
    if (!S_ISREG(facts.st_mode))
        return fail(err, ASC_NOT_FOUND, "%s: expected a file, found a folder or a device", path);
    return ASC_OK;
}

static h5_identity identity_of(const struct stat *facts)
{
    return (h5_identity){
        .device = (int64_t)facts->st_dev,
        .inode = (int64_t)facts->st_ino,
        .size = facts->st_size,
        .modified_s = facts->st_mtim.tv_sec,
        .modified_ns = facts->st_mtim.tv_nsec,
        .changed_s = facts->st_ctim.tv_sec,
        .changed_ns = facts->st_ctim.tv_nsec,
    };
}

// Of the descriptor that HDF5 reads from, so that no other file of the same name can come between.
static asc_status identify(h5file *file, asc_error *err)
{
    void *handle = NULL;
    struct stat facts;
    if (H5Fget_vfd_handle(file->id, H5P_DEFAULT, &handle) < 0 || !handle || fstat(*(const int *)handle, &facts) != 0)
        return h5_fail(err, ASC_MALFORMED, "%s: cannot be opened as a file of its own", file->path);
    file->size = (size_t)facts.st_size;
    file->identity = identity_of(&facts);
    return ASC_OK;
}

h5_identity h5file_identity(const h5file *file)
{
    return file->identity;
}

asc_status h5file_check_identity(const h5file *file, const h5_identity *expected, asc_error *err)
{
    if (memcmp(&file->identity, expected, sizeof *expected) == 0)
        return ASC_OK;
    fail(err, ASC_MALFORMED, "%s: the file changed while it was read", file->path);
    return fail_hint(err, ASC_MALFORMED, "run the command again when nothing writes to the file any more");
}

asc_status h5file_check_path(const h5file *file, asc_error *err)
{
    struct stat facts = {0};
    h5_identity found = {0};
    if (stat(file->path, &facts) == 0)
        found = identity_of(&facts);
    return h5file_check_identity(file, &found, err);
}

asc_status h5file_open(const char *path, h5file **out, asc_error *err)
{
    h5file *file = NULL;
    TRY(check_regular(path, err));
    const htri_t is_hdf5 = H5Fis_hdf5(path);
    if (is_hdf5 == 0)
        return fail(err, ASC_MALFORMED, "%s: expected an HDF5 file, found something else", path);
    if (is_hdf5 < 0)
        return h5_fail(err, ASC_MALFORMED, "%s: cannot be opened as HDF5", path);
    TRY(new_file(path, &file, err));
    file->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file->id < 0) {
        const asc_status status = h5_fail(err, ASC_MALFORMED, "%s: damaged HDF5 file", path);
        free(file);
        return status;
    }
    const asc_status status = identify(file, err);
    if (status == ASC_OK)
        *out = file;
    else
        h5file_close(file);
    return status;
}

// An empty file first: what fails after that is the disk, not the name.
static asc_status make_empty(const char *path, asc_error *err)
{
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return fail(err, errno == ENOSPC || errno == EDQUOT || errno == EIO ? ASC_IO_ERROR : ASC_CANNOT_CREATE,
                    "%s: cannot be created: %s", path, strerror(errno));
    close(descriptor);
    return ASC_OK;
}

asc_status h5file_create(const char *path, h5file **out, asc_error *err)
{
    h5file *file = NULL;
    TRY(make_empty(path, err));
    TRY(new_file(path, &file, err));
    const hid_t create = H5Pcreate(H5P_FILE_CREATE);
    const hid_t access_list = H5Pcreate(H5P_FILE_ACCESS);
    if (create < 0 || access_list < 0 || H5Pset_obj_track_times(create, false) < 0 ||
        H5Pset_libver_bounds(access_list, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST) < 0)
        file->id = -1;
    else
        file->id = H5Fcreate(path, H5F_ACC_TRUNC, create, access_list);
    const asc_status status =
        file->id < 0 ? h5_fail(err, ASC_IO_ERROR, "%s: cannot be created", path) : ASC_OK;
    if (access_list >= 0)
        H5Pclose(access_list);
    if (create >= 0)
        H5Pclose(create);
    if (status != ASC_OK)
        free(file);
    else
        *out = file;
    return status;
}

asc_status h5file_finish(h5file *file, asc_error *err)
{
    if (H5Fflush(file->id, H5F_SCOPE_GLOBAL) < 0)
        return h5_fail(err, ASC_IO_ERROR, "%s: writing failed", file->path);
    if (H5Fclose(file->id) < 0)
        return h5_fail(err, ASC_IO_ERROR, "%s: closing failed", file->path);
    free(file);
    return ASC_OK;
}

void h5file_close(h5file *file)
{
    if (!file)
        return;
    H5Fclose(file->id);
    free(file);
}

const char *h5file_path(const h5file *file)
{
    return file->path;
}

// One step of a path: absent, or a hard link.
static asc_status check_step(const h5file *file, const char *way, bool *has, asc_error *err)
{
    H5L_info_t link;
    const htri_t exists = H5Lexists(file->id, way, H5P_DEFAULT);
    if (exists < 0)
        return h5_fail(err, ASC_MALFORMED, "%s: '%s' cannot be looked up", file->path, way);
    *has = exists > 0;
    if (!*has)
        return ASC_OK;
    if (H5Lget_info(file->id, way, &link, H5P_DEFAULT) < 0)
        return h5_fail(err, ASC_MALFORMED, "%s: '%s' cannot be looked up", file->path, way);
    if (link.type != H5L_TYPE_HARD)
        return fail(err, ASC_MALFORMED,
                    "%s: '%s' is a soft or external link; only data in the file itself is read", file->path,
                    way);
    return ASC_OK;
}

asc_status h5file_has(const h5file *file, const char *name, bool *has, asc_error *err)
{
    char way[512];
    const size_t length = strlen(name);
    *has = false;
    if (length >= sizeof way)
        return fail(err, ASC_MALFORMED, "%s: a name inside the file is longer than %zu bytes", file->path,
                    sizeof way - 1);
    for (size_t end = 1; end <= length; end++) {
        if (name[end] != '/' && name[end] != '\0')
            continue;
        memcpy(way, name, end);
        way[end] = '\0';
        TRY(check_step(file, way, has, err));
        if (!*has)
            return ASC_OK;
    }
    return ASC_OK;
}

static asc_status list_open_group(const h5file *file, hid_t group, char ***names, size_t *n_names,
                                  asc_error *err)
{
    H5G_info_t facts;
    if (H5Gget_info(group, &facts) < 0)
        return h5_fail(err, ASC_MALFORMED, "%s: a group cannot be read", file->path);
    if (facts.nlinks > MAX_LISTED_NAMES)
        return fail(err, ASC_MALFORMED, "%s: expected at most %d names in a group, found %llu", file->path,
                    MAX_LISTED_NAMES, (unsigned long long)facts.nlinks);
    enum { NAME_BYTES = 256 };
    const size_t count = (size_t)facts.nlinks;
    const size_t bytes = count * (sizeof(char *) + NAME_BYTES) + 1;
    char **list = malloc(bytes);
    if (!list)
        return fail_memory(err, "a list of names", bytes);
    for (size_t i = 0; i < count; i++) {
        list[i] = (char *)(list + count) + i * NAME_BYTES;
        const ssize_t length =
            H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, list[i], NAME_BYTES, H5P_DEFAULT);
        if (length < 0 || length >= NAME_BYTES) {
            free(list);
            return h5_fail(err, ASC_MALFORMED, "%s: a name in a group cannot be read or is too long",
                           file->path);
        }
    }
    *names = list;
    *n_names = count;
    return ASC_OK;
}

asc_status h5file_list(const h5file *file, const char *group, char ***names, size_t *n_names, asc_error *err)
{
    bool has = false;
    *names = NULL;
    *n_names = 0;
    TRY(h5file_has(file, group, &has, err));
    if (!has)
        return ASC_OK;
    const hid_t id = H5Gopen2(file->id, group, H5P_DEFAULT);
    if (id < 0)
        return h5_fail(err, ASC_MALFORMED, "%s: '%s' is no group", file->path, group);
    const asc_status status = list_open_group(file, id, names, n_names, err);
    H5Gclose(id);
    return status;
}

typedef struct attribute {
    hid_t id, type, space;
} attribute;

static void close_attribute(const attribute *a)
{
    if (a->space > 0)
        H5Sclose(a->space);
    if (a->type > 0)
        H5Tclose(a->type);
    if (a->id > 0)
        H5Aclose(a->id);
}

// Opens one value of the root; attribute.id stays 0 when there is none of that name.
static asc_status open_attribute(const h5file *file, const char *name, attribute *a, asc_error *err)
{
    *a = (attribute){0};
    const htri_t exists = H5Aexists(file->id, name);
    if (exists == 0)
        return ASC_OK;
    if (exists < 0 || (a->id = H5Aopen(file->id, name, H5P_DEFAULT)) < 0 ||
        (a->type = H5Aget_type(a->id)) < 0 || (a->space = H5Aget_space(a->id)) < 0) {
        h5_fail(err, ASC_MALFORMED, "%s: attribute '%s' cannot be read", file->path, name);
        close_attribute(a);
        *a = (attribute){0};
        return ASC_MALFORMED;
    }
    return ASC_OK;
}

static asc_status read_text(const h5file *file, const char *name, const attribute *a, char **value,
                            asc_error *err)
{
    const size_t size = H5Tget_size(a->type);
    if (H5Tget_class(a->type) != H5T_STRING || H5Tis_variable_str(a->type) != 0 ||
        H5Sget_simple_extent_npoints(a->space) != 1)
        return fail(err, ASC_MALFORMED,
                    "%s: attribute '%s': expected one fixed-length string, found another type", file->path,
                    name);
    if (size == 0 || size > MAX_ATTRIBUTE_BYTES)
        return fail(err, ASC_MALFORMED, "%s: attribute '%s': expected 1 to %d bytes, found %zu", file->path,
                    name, MAX_ATTRIBUTE_BYTES, size);
    char *text = calloc(1, size + 1);
    if (!text)
        return fail_memory(err, "an attribute", size + 1);
    const hid_t memory_type = h5_text_type(size + 1, H5T_STR_NULLTERM, H5Tget_cset(a->type));
    asc_status status = ASC_OK;
    if (memory_type < 0 || H5Aread(a->id, memory_type, text) < 0)
        status = h5_fail(err, ASC_MALFORMED, "%s: attribute '%s' cannot be read", file->path, name);
    if (memory_type >= 0)
        H5Tclose(memory_type);
    if (status == ASC_OK)
        *value = text;
    else
        free(text);
    return status;
}

asc_status h5file_read_text(const h5file *file, const char *name, char **value, asc_error *err)
{
    attribute a;
    *value = NULL;
    TRY(open_attribute(file, name, &a, err));
    if (a.id == 0)
        return ASC_OK;
    const asc_status status = read_text(file, name, &a, value, err);
    close_attribute(&a);
    return status;
}

asc_status h5file_read_int(const h5file *file, const char *name, int64_t fallback, int64_t *value,
                           asc_error *err)
{
    attribute a;
    *value = fallback;
    TRY(open_attribute(file, name, &a, err));
    if (a.id == 0)
        return ASC_OK;
    asc_status status = ASC_OK;
    if (H5Tget_class(a.type) != H5T_INTEGER || H5Tget_size(a.type) > sizeof *value ||
        H5Sget_simple_extent_npoints(a.space) != 1)
        status = fail(err, ASC_MALFORMED, "%s: attribute '%s': expected one integer, found another type",
                      file->path, name);
    else if (H5Aread(a.id, H5T_NATIVE_INT64, value) < 0)
        status = h5_fail(err, ASC_MALFORMED, "%s: attribute '%s' cannot be read", file->path, name);
    close_attribute(&a);
    return status;
}

static asc_status write_attribute(h5file *file, const char *name, hid_t file_type, const void *value,
                                  asc_error *err)
{
    asc_status status = ASC_OK;
    hid_t id = -1;
    const hid_t space = H5Screate(H5S_SCALAR);
    if (space < 0 || (id = H5Acreate2(file->id, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT)) < 0 ||
        H5Awrite(id, file_type, value) < 0)
        status = h5_fail(err, ASC_IO_ERROR, "%s: attribute '%s' cannot be written", file->path, name);
    if (id >= 0 && H5Aclose(id) < 0 && status == ASC_OK)
        status = h5_fail(err, ASC_IO_ERROR, "%s: attribute '%s' cannot be written", file->path, name);
    if (space >= 0)
        H5Sclose(space);
    return status;
}

asc_status h5file_write_text(h5file *file, const char *name, const char *value, asc_error *err)
{
    const size_t length = strlen(value);
    if (length > MAX_ATTRIBUTE_BYTES)
        return fail(err, ASC_USAGE, "%s: attribute '%s': at most %d bytes fit, found %zu", file->path, name,
                    MAX_ATTRIBUTE_BYTES, length);
    const hid_t type = h5_text_type(length ? length : 1, H5T_STR_NULLPAD, H5T_CSET_UTF8);
    if (type < 0)
        return h5_fail(err, ASC_IO_ERROR, "%s: attribute '%s' cannot be written", file->path, name);
    const asc_status status = write_attribute(file, name, type, value, err);
    H5Tclose(type);
    return status;
}

asc_status h5file_write_int(h5file *file, const char *name, int64_t value, asc_error *err)
{
    // Little-endian host and file: the memory type and the file type are one.
    return write_attribute(file, name, H5T_STD_I64LE, &value, err);
}

// "3.1" -> 3; -1 when it is no such thing.
static long major_number(const char *version)
{
    char *end = NULL;
    const long major = strtol(version, &end, 10);
    return end == version || *end != '.' || major < 0 ? -1 : major;
}

// Another of our formats: what it is, and who reads it.
static asc_status fail_other_format(const h5file *file, const char *expected, const char *found, asc_error *err)
{
    static const struct {
        const char *format, *what, *readers;
    } formats[] = {
        {"ascribe-result", "a result", "show, export, global, compare, evaluate, report"},
        {"ascribe-dataset", "a prepared dataset", "explain, plan, bench, evaluate, importance and probe with --data"},
        {"ascribe-masks", "coalitions", "explain with --masks"},
        {"ascribe-global", "global importance", "global, compare, report"},
        {"ascribe-evaluation", "an evaluation", "compare, report"},
        {"ascribe-probe", "a probe", "report"},
        {"ascribe-importance", "importance by prediction error", "report"},
    };
    const asc_status status = fail(err, ASC_MALFORMED, "%s: expected format '%s', found '%.80s'", file->path, expected, found);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].format, found) == 0)
            return fail_hint(err, status, "this is %s, for the commands %s; 'ascribe inspect' says what is in it", formats[i].what, formats[i].readers);
    return status;
}

asc_status h5file_check_format(const h5file *file, const char *format, long major, asc_error *err)
{
    char *found = NULL, *version = NULL;
    asc_status status = h5file_read_text(file, "format", &found, err);
    if (status == ASC_OK)
        status = h5file_read_text(file, "format_version", &version, err);
    if (status != ASC_OK)
        goto done;
    if (!found)
        status =
            fail(err, ASC_MALFORMED, "%s: expected attribute format = '%s', found none", file->path, format);
    else if (strcmp(found, format) != 0)
        status = fail_other_format(file, format, found, err);
    else if (!version || major_number(version) < 1)
        status = fail(err, ASC_MALFORMED, "%s: expected format_version %ld.x, found '%s'", file->path, major,
                      version ? version : "");
    else if (major_number(version) != major)
        status = fail(err, ASC_MALFORMED,
                      "%s: written by a newer version: this program reads %s %ld.x, the file is %s",
                      file->path, format, major, version);
done:
    free(version);
    free(found);
    return status;
}
