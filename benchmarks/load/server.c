/* RFB 3.8 without security (RFC 6143 §7), over WebSocket or plain TCP. Asked for a whole picture it sends the picture;
 * each pointer event gets the update; continuous updates get the endless stream whose number is their x. */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "plan.h"
#include "websocket.h"

#define QUEUE 8
#define HOLD 4096
#define POINTER_WIDTH 1000 /* see browser.c: pointer events count */

typedef struct server {
    connection c;
    ws_reader reader;
    struct server *next, **link;
    enum { REQUEST, VERSION, SECURITY, CLIENT_INIT, RUNNING } step;
    uint8_t hold[HOLD];
    size_t held;
    const stream *queue[QUEUE];
    int queued;
    size_t at;           /* in the wire form of queue[0] */
    const stream *flow;  /* the endless one: it is queued again at its end */
    uint64_t flow_began; /* for its moments */
    size_t moment;
    uint32_t pointers;
} server;

static server *all;

static void post(server *s, const void *data, size_t size) {
    uint8_t frame[HOLD];
    if (the_plan.framed) conn_post(&s->c, frame, ws_frame(frame, BINARY, data, size, false));
    else conn_post(&s->c, data, size);
}

/* How far queue[0] may go now. */
static size_t due(server *s, uint64_t now) {
    const stream *out = s->queue[0];
    if (!out->moments || the_tally.stopping) return out->wire_size;
    uint64_t ms = (now - s->flow_began) / 1000000;
    while (s->moment < out->count && out->moments[s->moment].at_ms <= ms) s->moment++;
    return s->moment ? out->moments[s->moment - 1].until : 0;
}

static void end_of_stream(server *s) {
    const stream *out = s->queue[0];
    the_tally.sent += out->size;
    s->at = s->moment = 0;
    memmove(s->queue, s->queue + 1, (size_t)--s->queued * sizeof *s->queue);
    if (out == s->flow) {
        if (the_tally.stopping) the_tally.flows--;
        else s->queue[s->queued++] = s->flow;
    }
    s->flow_began = out->moments ? now_ns() : 0;
}

/* Send until the socket is full, or it is the others' turn: is there more? */
static bool send_queue(server *s) {
    for (int turn = 0; turn < 4 && s->queued && !s->c.closing; turn++) {
        const stream *out = s->queue[0];
        size_t wanted = due(s, out->moments ? now_ns() : 0) - s->at;
        if (!wanted) return false;
        if (wanted > CHUNK) wanted = CHUNK;
        size_t taken = conn_send_file(&s->c, out->wire, out->wire_file, s->at, wanted);
        s->at += taken;
        if (s->at == out->wire_size) end_of_stream(s);
        if (taken < wanted) return true;
    }
    return s->queued && !s->queue[0]->moments;
}

static void serve(server *s, const stream *what) {
    if (s->queued == QUEUE) fail("more was asked of a server than a client may have outstanding");
    s->queue[s->queued++] = what;
    if (s->queued == 1 && send_queue(s)) conn_want_room(&s->c);
}

static void start_flow(server *s, unsigned number) {
    if (number >= (unsigned)the_plan.stream_count) fail("there is no stream %u", number);
    s->flow = the_plan.streams[number];
    s->flow_began = now_ns();
    the_tally.flows++;
    serve(s, s->flow);
}

static size_t message_size(const uint8_t *m, size_t size) { /* 0: not enough to know */
    switch (m[0]) {
    case 0: return 20;
    case 2: return size < 4 ? 0 : 4 + 4 * (size_t)(m[2] << 8 | m[3]);
    case 3: case 150: return 10;
    case 4: return 8;
    case 5: return 6;
    }
    fail("client message of type %d", m[0]);
}

static void act(server *s, const uint8_t *m) {
    if (m[0] == 2) serve(s, the_plan.offer);
    else if (m[0] == 3 && !m[1]) serve(s, the_plan.picture);
    else if (m[0] == 150 && m[1]) start_flow(s, (unsigned)(m[2] << 8 | m[3]));
    else if (m[0] == 5) {
        uint32_t number = (uint32_t)(m[2] << 8 | m[3]) + POINTER_WIDTH * (uint32_t)(m[4] << 8 | m[5]);
        if (number != s->pointers) fail("pointer event %u came instead of %u", number, s->pointers);
        s->pointers = (number + 1) % (POINTER_WIDTH * POINTER_WIDTH);
        serve(s, the_plan.update);
    }
}

static void send_init(server *s) {
    static const uint8_t format[16] = {32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16};
    uint8_t init[29] = {(uint8_t)(the_plan.width >> 8), (uint8_t)the_plan.width, (uint8_t)(the_plan.height >> 8), (uint8_t)the_plan.height};
    memcpy(init + 4, format, sizeof format);
    init[23] = 5;
    memcpy(init + 24, "bench", 5);
    post(s, init, sizeof init);
}

/* Take one step's bytes from the front of `data`: how many, 0 if they are not all there. */
static size_t advance(server *s, const uint8_t *data, size_t size) {
    size_t needed = s->step == VERSION ? 12 : 1;
    if (s->step == RUNNING) needed = message_size(data, size);
    if (!needed || size < needed) return 0;
    if (s->step == VERSION) post(s, "\1\1", 2);
    if (s->step == SECURITY) post(s, "\0\0\0", 4);
    if (s->step == CLIENT_INIT) send_init(s);
    if (s->step == RUNNING) act(s, data);
    else s->step++;
    return needed;
}

static void payload(void *owner, uint8_t *data, size_t size) {
    server *s = owner;
    if (s->held + size > HOLD) fail("a client sends too much at once");
    memcpy(s->hold + s->held, data, size);
    s->held += size;
    size_t at = 0;
    for (size_t taken; at < s->held && (taken = advance(s, s->hold + at, s->held - at)); at += taken) {}
    memmove(s->hold, s->hold + at, s->held -= at);
}

static void control(void *owner, int opcode, const uint8_t *data, size_t size) {
    server *s = owner;
    uint8_t frame[HEADER_MAX + 125];
    if (opcode == PONG || s->at || s->c.blocked) return; /* a frame under way: a busy stream is life enough */
    conn_post(&s->c, frame, ws_frame(frame, opcode == PING ? PONG : CLOSE, data, size, false));
    if (opcode == CLOSE) conn_close(&s->c);
}

static void upgrade(server *s) {
    char answer[512], key[64] = "";
    s->hold[s->held] = 0;
    char *end = strstr((char *)s->hold, "\r\n\r\n"), *given = strcasestr((char *)s->hold, "\r\nsec-websocket-key:");
    if (!end) return;
    if (!given) fail("an upgrade without a key");
    given += strlen("\r\nsec-websocket-key:");
    given += strspn(given, " ");
    ws_accept_key(given, strcspn(given, "\r "), key);
    const char *protocol = strcasestr((char *)s->hold, "\r\nsec-websocket-protocol:") ? "Sec-WebSocket-Protocol: binary\r\n" : "";
    int size = snprintf(answer, sizeof answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n%s\r\n", key, protocol);
    conn_post(&s->c, answer, (size_t)size);
    s->held = 0;
    s->step = VERSION;
    post(s, "RFB 003.008\n", 12);
}

static const ws_events EVENTS = {payload, control};

static void received(connection *c, uint8_t *data, size_t size) {
    server *s = (server *)c;
    if (s->step != REQUEST) {
        if (the_plan.framed) ws_read(&s->reader, data, size, &EVENTS, s);
        else payload(s, data, size);
        return;
    }
    if (s->held + size >= HOLD) fail("a request larger than %d bytes", HOLD);
    memcpy(s->hold + s->held, data, size);
    s->held += size;
    upgrade(s);
}

static void opened(connection *c) {
    server *s = (server *)c;
    if (the_plan.framed) return;
    s->step = VERSION;
    post(s, "RFB 003.008\n", 12);
}

static void closed(connection *c) {
    server *s = (server *)c;
    if (s->next) s->next->link = s->link;
    *s->link = s->next;
    free(s);
}

static bool writable(connection *c) { return send_queue((server *)c); }

static const role SERVER = {opened, received, writable, closed};

static connection *accepted(void) {
    server *s = calloc(1, sizeof *s);
    s->c.role = &SERVER;
    s->link = &all;
    s->next = all;
    if (all) all->link = &s->next;
    all = s;
    return &s->c;
}

void servers_listen(int port, SSL_CTX *tls) { conn_listen(port, tls, accepted); }

void servers_tick(uint64_t now) {
    for (server *s = all; s; s = s->next)
        if (s->queued && s->queue[0]->moments && !s->c.blocked && due(s, now) > s->at && send_queue(s))
            conn_want_room(&s->c);
}

void servers_cut(void) {
    for (server *s = all; s; s = s->next) conn_close(&s->c);
}
