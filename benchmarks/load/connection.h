/* Sockets of the load: non-blocking, plain or TLS, served by one epoll loop. What the bytes mean is the role's. */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK (256 * 1024) /* bytes of one read: what an expert's proxy is given, too */
#define SMALL (16 * 1024) /* below this a copy is cheaper than sendfile */

typedef struct source { /* whatever epoll can report */
    void (*ready)(struct source *self, uint32_t events);
} source;

typedef struct connection connection;

typedef struct role {
    void (*opened)(connection *);                               /* TCP, and TLS if any, stand */
    void (*received)(connection *, uint8_t *data, size_t size); /* data may be changed */
    bool (*writable)(connection *);                             /* there is room: is there more to send? */
    void (*closed)(connection *);                               /* the last call: frees what the role has */
} role;

struct connection {
    source source;
    const role *role;
    int fd;
    SSL *ssl;
    bool open, closing, blocked, deaf;
    uint8_t *unsent; /* small messages that the kernel did not take */
    size_t unsent_size;
};

void loop_init(void);
void loop_watch(int fd, source *s);
void loop_turn(int timeout_ms);

/* Accept on loopback; `accepted` allocates the connection, whose role is set. */
void conn_listen(int port, SSL_CTX *tls, connection *(*accepted)(void));
void conn_connect(connection *, int port, SSL_CTX *tls);
size_t conn_send(connection *, const uint8_t *data, size_t size); /* how much was taken; later: writable */
size_t conn_send_file(connection *, const uint8_t *data, int fd, size_t at, size_t size); /* the same bytes, also in a file */
void conn_post(connection *, const void *data, size_t size);      /* small: all of it, now or later */
void conn_want_room(connection *);                                /* call writable when there is room, also at once */
void conn_listen_to(connection *, bool reading);
size_t conn_read_some(connection *, size_t most); /* for a deaf connection: the slow reader */
void conn_close(connection *);

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t now_ns(void);
