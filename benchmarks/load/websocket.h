/* WebSocket frames (RFC 6455 §5) in both directions: no extensions, whole frames out, any chunks in. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

#define HEADER_MAX 14

typedef struct { /* what a chunk's end leaves of a frame */
    uint8_t head[HEADER_MAX], mask[4], control[125];
    uint8_t have, opcode, controls;
    bool masked;
    uint32_t turn;
    uint64_t left;
} ws_reader;

typedef struct {
    void (*payload)(void *owner, uint8_t *data, size_t size);
    void (*control)(void *owner, int opcode, const uint8_t *data, size_t size);
} ws_events;

void ws_read(ws_reader *, uint8_t *data, size_t size, const ws_events *, void *owner);
size_t ws_header(uint8_t *out, int opcode, size_t size, bool masked); /* the mask, where asked for, included */
size_t ws_frame(uint8_t *out, int opcode, const void *data, size_t size, bool masked);
void ws_accept_key(const char *key, size_t size, char *out); /* §4.2.2; `out` has 32 bytes */
