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

static void append(stream *s, size_t at, size_t size, size_t frame) {
    while (size) {
        size_t part = frame && size > frame ? frame : size;
        if (frame) s->wire_size += ws_header(s->wire + s->wire_size, BINARY, part, false);
        memcpy(s->wire + s->wire_size, s->plain + at, part);
        s->wire_size += part;
        at += part;
        size -= part;
    }
}

static stream *prepare(uint8_t *plain, size_t size, size_t frame, const uint32_t *times, size_t count) {
    stream *s = calloc(1, sizeof *s);
    s->plain = plain;
    s->size = size;
    s->wire = malloc(size + (frame ? size / frame + count + 1 : 0) * HEADER_MAX);
    if (count) s->moments = calloc(count, sizeof *s->moments);
    s->count = count;
    for (size_t i = 0, at = 0; i < count; i++) {
        append(s, at, times[2 * i + 1], frame);
        at += times[2 * i + 1];
        s->moments[i] = (moment){times[2 * i], (uint32_t)s->wire_size};
    }
    if (!count) append(s, 0, size, frame);
    s->wire_file = memfd_create("stream", 0);
    for (size_t at = 0; at < s->wire_size;) {
        ssize_t written = write(s->wire_file, s->wire + at, s->wire_size - at);
        if (written <= 0) fail("no memory for a stream");
        at += (size_t)written;
    }
    return s;
}

stream *stream_load(const char *file, size_t frame) {
    char name[4096];
    size_t size, bytes = 0;
    uint8_t *plain = read_file(file, &size);
    if (!plain) fail("cannot open %s", file);
    snprintf(name, sizeof name, "%s.times", file);
    uint32_t *times = (uint32_t *)read_file(name, &bytes);
    stream *s = prepare(plain, size, frame, times, bytes / (2 * sizeof *times));
    free(times);
    return s;
}

stream *stream_of(const void *data, size_t size, size_t frame) {
    uint8_t *plain = malloc(size);
    memcpy(plain, data, size);
    return prepare(plain, size, frame, NULL, 0);
}
