/* What servers send: RFB bytes made beforehand, also as frames ready for the socket. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t at_ms;
    uint32_t until; /* place in `wire` up to which all is due then */
} moment;

typedef struct {
    uint8_t *plain, *wire; /* RFB, and the same in frames (plain TCP: the same bytes) */
    size_t size, wire_size;
    int wire_file; /* `wire` as a file in memory */
    moment *moments; /* NULL: as fast as it goes */
    size_t count;
} stream;

/* Read FILE, and FILE.times if it is there: pairs of u32, milliseconds and bytes of each chunk.
 * `frame`: payload bytes of one frame, 0 for no frames. */
stream *stream_load(const char *file, size_t frame);
stream *stream_of(const void *data, size_t size, size_t frame);
