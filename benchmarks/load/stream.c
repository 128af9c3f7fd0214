#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "connection.h"
#include "websocket.h"

static uint8_t *read_file(const char *name, size_t *size) {
    FILE *file = fopen(name, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*size + 1);
    if (fread(data, 1, *size, file) != *size) fail("cannot read %s", name);
    fclose(file);
    return data;
}

static void append(stream *s, uint8_t *wire, const uint8_t *data, size_t size, size_t frame) {
    for (size_t part; size; data += part, size -= part) {
        part = frame && size > frame ? frame : size;
        if (frame) s->wire_size += ws_header(wire + s->wire_size, BINARY, part, false);
        s->pieces[s->piece_count++] = (piece){(uint32_t)(s->size + part), (uint32_t)(s->wire_size - s->size)};
        memcpy(wire + s->wire_size, data, part);
        s->wire_size += part;
        s->size += part;
    }
}

static void to_memory_file(stream *s, const uint8_t *wire) {
    s->wire_file = memfd_create("stream", 0);
    for (size_t at = 0; at < s->wire_size;) {
        ssize_t written = write(s->wire_file, wire + at, s->wire_size - at);
        if (written <= 0) fail("no memory for a stream");
        at += (size_t)written;
    }
    s->wire = mmap(NULL, s->wire_size, PROT_READ, MAP_SHARED | MAP_POPULATE, s->wire_file, 0);
    if (s->wire == MAP_FAILED) fail("no memory for a stream");
}

static stream *prepare(const uint8_t *data, size_t size, size_t frame, const uint32_t *times, size_t count) {
    stream *s = calloc(1, sizeof *s);
    size_t pieces = (frame ? size / frame : 0) + count + 1;
    uint8_t *wire = malloc(size + pieces * HEADER_MAX);
    s->pieces = calloc(pieces, sizeof *s->pieces);
    if (count) s->moments = calloc(count, sizeof *s->moments);
    s->count = count;
    for (size_t i = 0; i < count; i++) {
        append(s, wire, data + s->size, times[2 * i + 1], frame);
        s->moments[i] = (moment){times[2 * i], (uint32_t)s->wire_size};
    }
    append(s, wire, data + s->size, size - s->size, frame);
    if (s->size != size) fail("the times of a stream say %zu bytes, it has %zu", s->size, size);
    to_memory_file(s, wire);
    free(wire);
    return s;
}

stream *stream_load(const char *file, size_t frame) {
    char name[4096];
    size_t size, bytes = 0;
    uint8_t *data = read_file(file, &size);
    if (!data) fail("cannot open %s", file);
    snprintf(name, sizeof name, "%s.times", file);
    uint32_t *times = (uint32_t *)read_file(name, &bytes);
    stream *s = prepare(data, size, frame, times, bytes / (2 * sizeof *times));
    free(times);
    free(data);
    return s;
}

stream *stream_of(const void *data, size_t size, size_t frame) { return prepare(data, size, frame, NULL, 0); }
