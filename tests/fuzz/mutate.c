// See mutate.h. The generator is Steele's splitmix64.
#include "mutate.h"

#include <string.h>

uint64_t dice_roll(dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

size_t dice_below(dice *d, size_t n)
{
    return n ? (size_t)(dice_roll(d) % n) : 0;
}

bool dice_one_in(dice *d, size_t n)
{
    return dice_below(d, n) == 0;
}

int64_t dice_bad_number(dice *d)
{
    const size_t kind = dice_below(d, 8);
    if (kind < 2)
        return (int64_t)dice_below(d, 12) - 1;
    if (kind < 6)
        return (int64_t)(((uint64_t)1 << dice_below(d, 64)) + dice_below(d, 3) - 1);
    if (kind == 6)
        return -(int64_t)dice_below(d, 300);
    return (int64_t)(dice_roll(d) >> dice_below(d, 64));
}

static void damage(dice *d, uint8_t *bytes, size_t size, size_t at)
{
    static const size_t widths[] = {1, 2, 4, 8};
    size_t width = widths[dice_below(d, 4)];
    width = width > size - at ? size - at : width;
    switch (dice_below(d, 4)) {
    case 0: bytes[at] = (uint8_t)(bytes[at] ^ 1 << dice_below(d, 8)); break;
    case 1: bytes[at] = (uint8_t)dice_roll(d); break;
    case 2: memmove(bytes + at, bytes + dice_below(d, size - width + 1), width); break;
    default:
        for (uint64_t number = (uint64_t)dice_bad_number(d), i = 0; i < width; i++, number >>= 8)
            bytes[at + i] = (uint8_t)number;
    }
}

// A place that is described by the file format itself: the superblock, or the first bytes of a tree, heap or header.
static size_t place_of_structure(dice *d, const uint8_t *bytes, size_t size)
{
    static const char *const marks[] = {"TREE", "HEAP", "SNOD", "OHDR", "GCOL", "FRHP", "BTHD"};
    const size_t from = dice_below(d, size);
    for (size_t n = 0; n + 4 <= size; n++) {
        const size_t at = (from + n) % (size - 3);
        for (size_t mark = 0; mark < sizeof marks / sizeof *marks; mark++)
            if (memcmp(bytes + at, marks[mark], 4) == 0) {
                const size_t place = at + dice_below(d, 400);
                return place < size ? place : at;
            }
    }
    return dice_below(d, size < 800 ? size : 800);
}

void mutate_bytes(dice *d, uint8_t *bytes, size_t size)
{
    for (size_t left = 1 + dice_below(d, 4); size > 0 && left > 0; left--)
        damage(d, bytes, size, dice_below(d, size));
}

void mutate_hdf5(dice *d, uint8_t *bytes, size_t size)
{
    for (size_t left = 1 + dice_below(d, 4); size > 4 && left > 0; left--) {
        const size_t kind = dice_below(d, 4);
        const size_t at = kind == 0   ? dice_below(d, size < 800 ? size : 800)
                          : kind == 1 ? place_of_structure(d, bytes, size)
                                      : dice_below(d, size);
        damage(d, bytes, size, at);
    }
}
