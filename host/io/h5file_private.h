// What h5file.c, h5set.c and h5chunks.c share and nobody else sees.
#ifndef ASCRIBE_IO_H5FILE_PRIVATE_H
#define ASCRIBE_IO_H5FILE_PRIVATE_H

#include "io/h5file.h"

struct h5file {
    hid_t id;
    size_t size; // bytes, of a file that is read
    h5_identity identity; // of a file that is read
    char path[];
};

// A fixed-length string type of `size` bytes; negative on failure. The caller closes it.
static inline hid_t h5_text_type(size_t size, H5T_str_t padding, H5T_cset_t character_set)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, size) < 0 || H5Tset_strpad(type, padding) < 0 ||
                      H5Tset_cset(type, character_set) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

// The chunk at `place`, which is about to be read: something is stored of it (*stored bytes), and no more than a compressor makes of a
// full chunk, so that it inflates to a thousand chunks at worst. ASC_MALFORMED.
asc_status h5set_check_chunk(const h5set *set, const hsize_t place[2], size_t *stored, asc_error *err);

#endif
