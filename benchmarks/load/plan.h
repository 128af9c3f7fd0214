/* What one run of the load is, and what it counts: set by main, read and filled by servers and browsers. */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>

#include "stream.h"

#define STREAMS 8

typedef struct {
    const char *path, *grant; /* {} stands for the console's number; no grant: the path is opened at once */
    int port, consoles;       /* where browsers go; numbers go round after so many */
    int sessions;
    bool framed;              /* upstream speaks WebSocket, else plain TCP */
    SSL_CTX *browser_tls;
    int width, height;
    stream *picture, *update, *offer, *streams[STREAMS];
    int stream_count;
    double rate;      /* pointer events a second of each session; 0: the next when the last is answered */
    double stagger;   /* seconds over which flows begin */
    size_t read_rate; /* bytes a second that a flowing session takes; 0: all */
} plan;

typedef struct {
    uint64_t sent, received; /* bytes of whole streams, by servers and by browsers: equal in the end */
    uint64_t bytes;          /* of the endless streams, as they come */
    uint64_t trips, opened;  /* answered pointer events; sessions that got their picture */
    uint32_t *delays;        /* nanoseconds of each round trip, opening or splice; above 4 s as 4 s */
    size_t delay_count, delay_room;
    int flows; /* endless streams that have not come to their end */
    int lost;  /* sessions that the relay ended */
    bool stopping;
} tally;

extern plan the_plan;
extern tally the_tally;

void note_delay(uint64_t nanoseconds);
