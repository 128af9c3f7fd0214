/* A WebSocket client that speaks RFB (RFC 6143 §7) and compares every byte with what the server has to send. */
#include "browser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "plan.h"
#include "websocket.h"

#define HOLD 4096
#define POINTER_WIDTH 1000 /* pointer events count: number = x + width * y */
#define SECOND 1000000000u

struct browser {
    connection c;
    ws_reader reader;
    kind kind;
    int number;
    enum { GRANT, UPGRADE, VERSION, SECURITY, RESULT, SERVER_INIT, OFFER, PICTURE, OPEN, GOODBYE } step;
    uint8_t hold[HOLD];
    size_t held;
    const stream *expected;
    size_t at, piece; /* in `expected` */
    uint64_t asked_at, bytes;
    uint32_t pointers;
    bool started;
};

void (*browser_gone)(browser *);

static void post(browser *b, int opcode, const void *data, size_t size) {
    uint8_t frame[HOLD];
    conn_post(&b->c, frame, ws_frame(frame, opcode, data, size, true));
}

static void expect(browser *b, const stream *what) {
    b->expected = what;
    b->at = b->piece = 0;
}

static void ask_for_picture(browser *b) {
    uint8_t request[10] = {3, 0, 0, 0, 0, 0, (uint8_t)(the_plan.width >> 8), (uint8_t)the_plan.width, (uint8_t)(the_plan.height >> 8), (uint8_t)the_plan.height};
    post(b, BINARY, request, sizeof request);
    expect(b, the_plan.picture);
}

static void set_up(browser *b) {
    static const uint8_t setup[] = {
        0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0, /* SetPixelFormat, as noVNC has it */
        2, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, /* CopyRect, Tight, Raw */
        255, 255, 255, 33, 255, 255, 255, 32, 255, 255, 255, 17, 255, 255, 254, 199, /* size, LastRect, cursor, continuous */
    };
    post(b, BINARY, setup, sizeof setup);
    expect(b, the_plan.offer);
}

static void point(browser *b, uint64_t now) {
    uint32_t x = b->pointers % POINTER_WIDTH, y = b->pointers / POINTER_WIDTH;
    uint8_t event[6] = {5, 0, (uint8_t)(x >> 8), (uint8_t)x, (uint8_t)(y >> 8), (uint8_t)y};
    b->pointers = (b->pointers + 1) % (POINTER_WIDTH * POINTER_WIDTH);
    b->asked_at = now;
    expect(b, the_plan.update);
    post(b, BINARY, event, sizeof event);
}

static void flow(browser *b) {
    int stream = b->number % the_plan.stream_count;
    uint8_t enable[10] = {150, 1, (uint8_t)(stream >> 8), (uint8_t)stream, 0, 0, 0, 0, 0, 0};
    post(b, BINARY, enable, sizeof enable);
    expect(b, the_plan.streams[stream]);
    if (the_plan.read_rate) conn_listen_to(&b->c, false);
}

static void has_picture(browser *b) {
    b->step = OPEN;
    the_tally.opened++;
    if (b->asked_at) note_delay(now_ns() - b->asked_at);
    if (b->kind != CHURN) return;
    b->step = GOODBYE;
    post(b, CLOSE, "\3\350", 2);
}

static void complete(browser *b) { /* all that was expected is here */
    the_tally.received += b->expected->size;
    b->at = b->piece = 0;
    if (b->kind == FLOW && b->step == OPEN) return; /* and again */
    b->expected = NULL;
    if (b->step == OFFER) {
        b->step = PICTURE;
        ask_for_picture(b);
    } else if (b->step == PICTURE) {
        has_picture(b);
    } else {
        uint64_t now = now_ns();
        the_tally.trips++;
        note_delay(now - b->asked_at);
        if (!the_plan.rate && !the_tally.stopping) point(b, now);
    }
}

_Noreturn static void differ(const browser *b, const uint8_t *got, const uint8_t *sent) {
    size_t place = 0;
    while (got[place] == sent[place]) place++;
    fail("session %d: byte %zu of %zu is %02x, and %02x was sent", b->number, b->at + place, b->expected->size, got[place], sent[place]);
}

static void compare(browser *b, const uint8_t *data, size_t size) {
    if (b->kind == FLOW && b->step == OPEN) {
        b->bytes += size;
        the_tally.bytes += size;
    }
    while (size) {
        if (!b->expected) fail("session %d got %zu bytes that no server owes it", b->number, size);
        const piece *piece = &b->expected->pieces[b->piece];
        size_t part = piece->until - b->at;
        if (part > size) part = size;
        const uint8_t *sent = b->expected->wire + b->at + piece->ahead;
        if (memcmp(data, sent, part)) differ(b, data, sent);
        b->at += part;
        if (b->at == piece->until) b->piece++;
        data += part;
        size -= part;
        if (b->at == b->expected->size) complete(b);
    }
}

/* Take one step of RFB's handshake from the front of `data`: how many bytes, 0 if they are not all there. */
static size_t advance(browser *b, const uint8_t *data, size_t size) {
    static const size_t NEEDED[] = {[VERSION] = 12, [SECURITY] = 2, [RESULT] = 4, [SERVER_INIT] = 24};
    size_t needed = NEEDED[b->step];
    if (size < needed) return 0;
    if (b->step == SERVER_INIT) {
        needed += (size_t)(data[22] << 8 | data[23]);
        if (size < needed) return 0;
    }
    if (b->step == VERSION) post(b, BINARY, "RFB 003.008\n", 12);
    else if (b->step == SERVER_INIT) set_up(b);
    else post(b, BINARY, "\1", 1); /* security type None; a shared session */
    b->step++;
    return needed;
}

static void payload(void *owner, uint8_t *data, size_t size) {
    browser *b = owner;
    if (b->step == GOODBYE) return;
    if (b->step >= OFFER) {
        compare(b, data, size);
        return;
    }
    if (b->held + size > HOLD) fail("a relay sends too much in RFB's handshake");
    memcpy(b->hold + b->held, data, size);
    b->held += size;
    for (size_t taken; b->step < OFFER && b->held && (taken = advance(b, b->hold, b->held));)
        memmove(b->hold, b->hold + taken, b->held -= taken);
}

static void control(void *owner, int opcode, const uint8_t *data, size_t size) {
    browser *b = owner;
    if (opcode == PING) post(b, PONG, data, size);
    if (opcode != CLOSE) return;
    if (b->step != GOODBYE) fprintf(stderr, "load: session %d was closed: %.*s\n", b->number, (int)size - 2, (const char *)data + 2);
    conn_close(&b->c);
}

static void request(browser *b, const char *method, const char *path, const char *more) {
    char text[1024], place[256];
    const char *hole = strstr(path, "{}");
    int console = b->number % the_plan.consoles;
    if (hole) snprintf(place, sizeof place, "%.*s%d%s", (int)(hole - path), path, console, hole + 2);
    else snprintf(place, sizeof place, "%s", path);
    int size = snprintf(text, sizeof text, "%s %s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n", method, place, (char *)b->hold, the_plan.port, more);
    conn_post(&b->c, text, (size_t)size);
    b->held = 0;
}

static void upgrade(browser *b) { /* hold: what goes behind the path */
    request(b, "GET", the_plan.path, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: binary\r\n");
    b->step = UPGRADE;
}

/* An HTTP answer in `hold`: true when it is whole; `rest` is what came behind it. */
static bool answered(browser *b, size_t *rest) {
    b->hold[b->held] = 0;
    char *end = strstr((char *)b->hold, "\r\n\r\n"), *length;
    if (!end) return false;
    if (strncmp((char *)b->hold + 9, b->step == GRANT ? "200" : "101", 3)) fail("the relay answers %.200s", b->hold);
    size_t whole = (size_t)(end + 4 - (char *)b->hold);
    if (b->step == GRANT && (length = strcasestr((char *)b->hold, "\r\ncontent-length:"))) whole += (size_t)atoi(length + 17);
    if (b->held < whole) return false;
    *rest = b->held - whole;
    return true;
}

static void take_ticket(browser *b) {
    char ticket[256] = "", *found = strstr((char *)b->hold, "\"ticket\": \"");
    if (found) sscanf(found + 11, "%200[^\"]", ticket);
    snprintf((char *)b->hold, HOLD, "?ticket=%s", ticket);
    upgrade(b);
}

static const ws_events EVENTS = {payload, control};

static void received(connection *c, uint8_t *data, size_t size) {
    browser *b = (browser *)c;
    if (b->step >= VERSION) {
        ws_read(&b->reader, data, size, &EVENTS, b);
        return;
    }
    if (b->held + size >= HOLD) fail("the relay's answer is too long");
    memcpy(b->hold + b->held, data, size);
    b->held += size;
    size_t rest;
    if (!answered(b, &rest)) return;
    if (b->step == GRANT) {
        take_ticket(b);
        return;
    }
    b->step = VERSION;
    b->held = 0;
    if (rest) ws_read(&b->reader, data + size - rest, rest, &EVENTS, b);
}

static void opened(connection *c) {
    browser *b = (browser *)c;
    b->hold[0] = 0;
    if (the_plan.grant) request(b, "POST", the_plan.grant, "Content-Length: 0\r\n");
    else upgrade(b);
}

static void closed(connection *c) {
    browser *b = (browser *)c;
    if (b->step != GOODBYE) the_tally.lost++;
    if (b->kind != CHURN) return; /* main has it in its list */
    browser_gone(b);
    free(b);
}

static bool writable(connection *c) {
    (void)c;
    return false;
}

static const role BROWSER = {opened, received, writable, closed};

browser *browser_open(kind kind, int number) {
    browser *b = calloc(1, sizeof *b);
    b->c.role = &BROWSER;
    b->kind = kind;
    b->number = number;
    b->asked_at = now_ns();
    b->step = the_plan.grant ? GRANT : UPGRADE;
    conn_connect(&b->c, the_plan.port, the_plan.browser_tls);
    return b;
}

bool browser_ready(const browser *b) { return b->step == OPEN && !b->expected; }

void browser_mark(browser *b) { b->bytes = 0; }

uint64_t browser_bytes(const browser *b) { return b->bytes; }

uint64_t browser_go(browser *b, uint64_t now) {
    uint64_t share = (uint64_t)((double)b->number / (double)the_plan.sessions * SECOND);
    if (b->kind == FLOW) return now + (uint64_t)(the_plan.stagger * (double)share);
    if (b->kind == INPUT) return the_plan.rate ? now + (uint64_t)((double)share / the_plan.rate) : now;
    return 0;
}

static uint64_t point_again(browser *b, uint64_t due, uint64_t now) {
    if (b->expected || the_tally.stopping) return due; /* late: sent as soon as the last is answered */
    point(b, now);
    return the_plan.rate ? due + (uint64_t)(SECOND / the_plan.rate) : 0;
}

static uint64_t read_slowly(browser *b, uint64_t now) {
    if (the_tally.stopping) { /* what is under way may come now */
        conn_listen_to(&b->c, true);
        return 0;
    }
    conn_read_some(&b->c, the_plan.read_rate / 10);
    return now + SECOND / 10;
}

uint64_t browser_tick(browser *b, uint64_t due, uint64_t now) {
    if (b->c.closing) return 0;
    if (b->kind == INPUT) return point_again(b, due, now);
    if (!b->started) flow(b);
    b->started = true;
    return the_plan.read_rate ? read_slowly(b, now) : 0;
}

void browser_expect_splice(browser *b, uint64_t now) {
    b->asked_at = now;
    b->step = PICTURE;
    expect(b, the_plan.picture);
}
