/* The limit: bytes copied from one socket to the other by recv and send of 256 KiB, nothing looked at.
 * epoll_relay PORT UPSTREAM_PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (256 * 1024)

typedef struct end {
    int fd;
    struct end *peer;
    uint8_t *rest; /* what this end's socket did not take; its peer is not read meanwhile */
    size_t size;
    bool gone;
} end;

static int epoll_fd;
static uint8_t chunk[CHUNK];

static void watch(end *e, int operation) {
    bool peer_waits = e->peer && e->peer->size;
    struct epoll_event event = {.events = (peer_waits ? 0 : EPOLLIN) | (e->size ? EPOLLOUT : 0), .data.ptr = e};
    epoll_ctl(epoll_fd, operation, e->fd, &event);
}

static void drop(end *e) {
    if (e->gone) return;
    e->gone = e->peer->gone = true; /* a few bytes stay with each pair: later events may name them */
    free(e->rest);
    free(e->peer->rest);
    close(e->fd);
    close(e->peer->fd);
}

static void keep(end *e, const uint8_t *data, size_t size) {
    e->rest = malloc(size);
    memcpy(e->rest, data, size);
    e->size = size;
    watch(e, EPOLL_CTL_MOD);
    watch(e->peer, EPOLL_CTL_MOD);
}

static void carry(end *from) {
    ssize_t got = recv(from->fd, chunk, CHUNK, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) drop(from);
    if (got <= 0) return;
    ssize_t sent = send(from->peer->fd, chunk, (size_t)got, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != ENOTCONN) drop(from);
    else if (sent < got) keep(from->peer, chunk + (sent > 0 ? sent : 0), (size_t)(got - (sent > 0 ? sent : 0)));
}

static void flush(end *to) {
    ssize_t sent = send(to->fd, to->rest, to->size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    memmove(to->rest, to->rest + sent, to->size -= (size_t)sent);
    if (to->size) return;
    free(to->rest);
    to->rest = NULL;
    watch(to, EPOLL_CTL_MOD);
    watch(to->peer, EPOLL_CTL_MOD);
}

static end *new_end(int fd) {
    int yes = 1;
    end *e = calloc(1, sizeof *e);
    e->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return e;
}

static struct sockaddr_in loopback(const char *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return a;
}

static void open_pair(int fd, struct sockaddr_in upstream) {
    end *browser = new_end(fd), *server = new_end(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    connect(server->fd, (struct sockaddr *)&upstream, sizeof upstream);
    browser->peer = server;
    server->peer = browser;
    watch(browser, EPOLL_CTL_ADD);
    watch(server, EPOLL_CTL_ADD);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    struct sockaddr_in here = loopback(argv[1]), upstream = loopback(argv[2]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096)) return 1;
    epoll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < count; i++) {
            end *e = events[i].data.ptr;
            if (!e) {
                for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) open_pair(fd, upstream);
                continue;
            }
            if (!e->gone && events[i].events & EPOLLOUT) flush(e);
            if (!e->gone && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) carry(e);
        }
    }
}
