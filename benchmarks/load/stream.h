/* What servers send: RFB bytes made beforehand, also as frames ready for the socket. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t at_ms;
    uint32_t until; /* place in `wire` up to which all is due then */
} moment;

typedef struct { /* RFB's bytes up to `until` lie `ahead` bytes further on in `wire`: so much are the frames' headers */
    uint32_t until, ahead;
} piece;

typedef struct {
    const uint8_t *wire; /* RFB in frames; plain TCP: as it is */
    size_t size, wire_size;
    int wire_file; /* the same memory as a file: what is sent and what is compared share a cache */
    piece *pieces;
    size_t piece_count;
    moment *moments; /* NULL: as fast as it goes */
    size_t count;
} stream;

/* Read FILE, and FILE.times if it is there: pairs of u32, milliseconds and bytes of each chunk.
 * `frame`: payload bytes of one frame, 0 for no frames. */
stream *stream_load(const char *file, size_t frame);
stream *stream_of(const void *data, size_t size, size_t frame);
