// What an element of a column is.
#ifndef ASCRIBE_IO_COLUMN_TYPE_H
#define ASCRIBE_IO_COLUMN_TYPE_H

typedef enum column_type {
    COLUMN_UINT8,
    COLUMN_INT32,
    COLUMN_UINT32,
    COLUMN_INT64,
    COLUMN_UINT64,
    COLUMN_FLOAT32,
    COLUMN_FLOAT64,
    COLUMN_TEXT, // fixed-length strings
} column_type;

#endif
