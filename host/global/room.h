// Memory that only grows, for what is made anew for every row.
#ifndef ASCRIBE_GLOBAL_ROOM_H
#define ASCRIBE_GLOBAL_ROOM_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Room for `count` elements in *pointer (the address of a pointer), of which *capacity are there. False when memory is short: all stays as it was.
static inline bool room_grow(void *pointer, size_t *capacity, size_t count, size_t size)
{
    void *memory = NULL;
    if (count <= *capacity)
        return true;
    memcpy(&memory, pointer, sizeof memory);
    memory = realloc(memory, 2 * count * size);
    if (!memory)
        return false;
    memcpy(pointer, &memory, sizeof memory);
    *capacity = 2 * count;
    return true;
}

#endif
