#include "websocket.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

static const uint8_t MASK[4] = {0x5a, 0xc3, 0x17, 0x88}; /* fixed: randomness is the relays' business */

static size_t header_size(const ws_reader *r) {
    if (r->have < 2) return 2;
    uint8_t length = r->head[1] & 0x7f;
    return 2 + (length == 126 ? 2u : length == 127 ? 8u : 0) + (r->head[1] & 0x80 ? 4u : 0);
}

static void begin_frame(ws_reader *r) {
    size_t at = 2, bytes = 0;
    r->opcode = r->head[0] & 0x0f;
    r->masked = r->head[1] & 0x80;
    r->left = r->head[1] & 0x7f;
    if (r->left == 126) bytes = 2;
    if (r->left == 127) bytes = 8;
    if (bytes) r->left = 0;
    while (bytes--) r->left = r->left << 8 | r->head[at++];
    if (r->masked) memcpy(r->mask, r->head + at, 4);
    r->turn = 0;
    r->controls = 0;
    r->have = 0;
}

static void take(ws_reader *r, uint8_t *data, size_t size, const ws_events *events, void *owner) {
    if (r->masked)
        for (size_t i = 0; i < size; i++) data[i] ^= r->mask[r->turn++ & 3];
    r->left -= size;
    if (r->opcode < CLOSE) {
        if (size) events->payload(owner, data, size);
        return;
    }
    if (r->controls + size > sizeof r->control) size = sizeof r->control - r->controls;
    memcpy(r->control + r->controls, data, size);
    r->controls += (uint8_t)size;
    if (!r->left) events->control(owner, r->opcode, r->control, r->controls);
}

void ws_read(ws_reader *r, uint8_t *data, size_t size, const ws_events *events, void *owner) {
    while (size) {
        if (!r->left) {
            size_t needed = header_size(r);
            while (r->have < needed && size) {
                r->head[r->have++] = *data++;
                size--;
                needed = header_size(r);
            }
            if (r->have < needed) return;
            begin_frame(r);
            if (!r->left) take(r, data, 0, events, owner);
            continue;
        }
        size_t part = r->left < size ? (size_t)r->left : size;
        take(r, data, part, events, owner);
        data += part;
        size -= part;
    }
}

size_t ws_header(uint8_t *out, int opcode, size_t size, bool masked) {
    size_t at = 2;
    int bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
    out[0] = 0x80 | (uint8_t)opcode;
    out[1] = (uint8_t)(bytes == 0 ? size : bytes == 2 ? 126 : 127) | (masked ? 0x80 : 0);
    while (bytes--) out[at++] = (uint8_t)(size >> 8 * bytes);
    if (masked) memcpy(out + at, MASK, 4);
    return at + (masked ? 4 : 0);
}

size_t ws_frame(uint8_t *out, int opcode, const void *data, size_t size, bool masked) {
    size_t at = ws_header(out, opcode, size, masked);
    for (size_t i = 0; i < size; i++) out[at + i] = ((const uint8_t *)data)[i] ^ (masked ? MASK[i & 3] : 0);
    return at + size;
}

void ws_accept_key(const char *key, size_t size, char *out) {
    char text[128];
    uint8_t digest[SHA_DIGEST_LENGTH];
    if (size > 64) size = 64;
    memcpy(text, key, size);
    memcpy(text + size, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    SHA1((uint8_t *)text, size + 36, digest);
    EVP_EncodeBlock((uint8_t *)out, digest, sizeof digest);
}
