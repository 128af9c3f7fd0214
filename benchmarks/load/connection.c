#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    source source;
    int fd;
    SSL_CTX *tls;
    connection *(*accepted)(void);
} listener;

static int epoll_fd;
static uint8_t chunk[CHUNK];
static connection **dead; /* closed in this turn: freed after it, since later events may still name them */
static size_t dead_count, dead_room;

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(3);
}

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void loop_init(void) {
    if ((epoll_fd = epoll_create1(0)) < 0) fail("epoll: %s", strerror(errno));
}

void loop_watch(int fd, source *s) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) fail("epoll: %s", strerror(errno));
}

void loop_turn(int timeout_ms) {
    struct epoll_event events[256];
    int count = epoll_wait(epoll_fd, events, 256, timeout_ms);
    for (int i = 0; i < count; i++) {
        source *s = events[i].data.ptr;
        s->ready(s, events[i].events);
    }
    while (dead_count) {
        connection *c = dead[--dead_count];
        c->role->closed(c);
    }
}

static void set_interest(connection *c) {
    uint32_t wanted = (c->deaf ? 0 : EPOLLIN) | (c->blocked ? EPOLLOUT : 0);
    struct epoll_event event = {.events = wanted, .data.ptr = &c->source};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event)) fail("epoll: %s", strerror(errno));
}

static void set_blocked(connection *c, bool blocked) {
    if (c->blocked == blocked) return;
    c->blocked = blocked;
    set_interest(c);
}

void conn_want_room(connection *c) {
    if (!c->closing) set_blocked(c, true);
}

void conn_listen_to(connection *c, bool reading) {
    if (c->closing || c->deaf == !reading) return;
    c->deaf = !reading;
    set_interest(c);
}

void conn_close(connection *c) {
    if (c->closing) return;
    c->closing = true;
    if (c->ssl) SSL_free(c->ssl);
    free(c->unsent);
    close(c->fd);
    if (dead_count == dead_room) dead = realloc(dead, (dead_room = 2 * dead_room + 64) * sizeof *dead);
    dead[dead_count++] = c;
}

/* TLS first; true when bytes of the role may flow. */
static bool stands(connection *c, uint32_t events) {
    if (c->open) return true;
    if (events & (EPOLLERR | EPOLLHUP)) {
        conn_close(c);
        return false;
    }
    if (c->ssl) {
        int result = SSL_do_handshake(c->ssl), reason = SSL_get_error(c->ssl, result);
        if (result != 1) {
            if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) conn_close(c);
            else set_blocked(c, reason == SSL_ERROR_WANT_WRITE);
            return false;
        }
    }
    c->open = true;
    set_blocked(c, false);
    c->role->opened(c);
    return !c->closing;
}

/* One read: its bytes, 0 if there are none now, -1 at the end. */
static ssize_t take(connection *c, size_t most) {
    if (!c->ssl) {
        ssize_t got = recv(c->fd, chunk, most, 0);
        if (got > 0) return got;
        return got < 0 && errno == EAGAIN ? 0 : -1;
    }
    ERR_clear_error();
    size_t total = 0;
    while (total < most) { /* a record at a time, since epoll does not know what the library holds */
        size_t got;
        if (SSL_read_ex(c->ssl, chunk + total, most - total, &got) == 1) total += got;
        else if (SSL_get_error(c->ssl, 0) == SSL_ERROR_WANT_READ) break;
        else return total ? (ssize_t)total : -1;
    }
    return (ssize_t)total;
}

size_t conn_read_some(connection *c, size_t most) {
    if (c->closing || !c->open) return 0;
    ssize_t got = take(c, most < CHUNK ? most : CHUNK);
    if (got < 0) conn_close(c);
    else if (got) c->role->received(c, chunk, (size_t)got);
    return got > 0 ? (size_t)got : 0;
}

size_t conn_send(connection *c, const uint8_t *data, size_t size) {
    size_t taken = 0;
    if (c->closing || c->unsent_size) return 0;
    if (c->ssl) {
        ERR_clear_error();
        if (SSL_write_ex(c->ssl, data, size, &taken) != 1) taken = 0;
    } else {
        ssize_t sent = send(c->fd, data, size, MSG_NOSIGNAL);
        taken = sent > 0 ? (size_t)sent : 0; /* a broken connection is noticed by reading */
    }
    if (taken < size) set_blocked(c, true);
    return taken;
}

size_t conn_send_file(connection *c, const uint8_t *data, int fd, size_t at, size_t size) {
    if (c->ssl || size < SMALL) return conn_send(c, data + at, size);
    if (c->closing || c->unsent_size) return 0;
    off_t from = (off_t)at;
    ssize_t sent = sendfile(c->fd, fd, &from, size); /* no copy on this side: the load must cost less than the relay */
    if (sent < (ssize_t)size) set_blocked(c, true);
    return sent > 0 ? (size_t)sent : 0;
}

void conn_post(connection *c, const void *data, size_t size) {
    size_t taken = conn_send(c, data, size);
    if (c->closing || taken == size) return;
    c->unsent = realloc(c->unsent, c->unsent_size + size - taken);
    memcpy(c->unsent + c->unsent_size, (const uint8_t *)data + taken, size - taken);
    c->unsent_size += size - taken;
}

static void flush(connection *c) {
    size_t size = c->unsent_size;
    c->unsent_size = 0;
    size_t taken = size ? conn_send(c, c->unsent, size) : 0;
    memmove(c->unsent, c->unsent + taken, size - taken);
    c->unsent_size = size - taken;
    bool more = c->unsent_size || c->role->writable(c);
    if (!c->closing) set_blocked(c, more);
}

static void conn_ready(source *s, uint32_t events) {
    connection *c = (connection *)s;
    if (c->closing || !stands(c, events)) return;
    if (events & EPOLLOUT) flush(c);
    if (c->closing || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    if (c->deaf) conn_close(c); /* epoll names errors whether asked for or not */
    else while (conn_read_some(c, CHUNK) == CHUNK && c->ssl) {}
}

static void begin(connection *c, int fd, SSL_CTX *tls, bool accepting) {
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    /* BBR, where it is the system's choice, at times takes one of several streams for a slow line and holds it down
     * for seconds: then a round says more of its estimate than of the relay. */
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    c->source.ready = conn_ready;
    c->fd = fd;
    c->blocked = true; /* until it stands */
    if (tls) {
        c->ssl = SSL_new(tls);
        SSL_set_fd(c->ssl, fd);
        SSL_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
        if (accepting) SSL_set_accept_state(c->ssl);
        else SSL_set_connect_state(c->ssl);
    }
    loop_watch(fd, &c->source);
    set_interest(c);
}

static void listener_ready(source *s, uint32_t events) {
    listener *l = (listener *)s;
    (void)events;
    for (int fd; (fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
        begin(l->accepted(), fd, l->tls, true);
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void conn_listen(int port, SSL_CTX *tls, connection *(*accepted)(void)) {
    struct sockaddr_in address = loopback(port);
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096))
        fail("port %d: %s", port, strerror(errno));
    listener *l = calloc(1, sizeof *l);
    *l = (listener){{listener_ready}, fd, tls, accepted};
    loop_watch(fd, &l->source);
}

void conn_connect(connection *c, int port, SSL_CTX *tls) {
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        fail("port %d: %s", port, strerror(errno));
    begin(c, fd, tls, false);
}
