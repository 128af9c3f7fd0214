#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

typedef struct {
    connection c;
    char hold[8192];
    size_t held;
} caller;

static char answer[8192];
static size_t answer_size;

static void received(connection *c, uint8_t *data, size_t size) {
    caller *from = (caller *)c;
    if (from->held + size >= sizeof from->hold) fail("an API request larger than 8 KB");
    memcpy(from->hold + from->held, data, size);
    from->hold[from->held += size] = 0;
    char *end = strstr(from->hold, "\r\n\r\n"), *length = strcasestr(from->hold, "\r\ncontent-length:");
    if (!end) return;
    size_t whole = (size_t)(end + 4 - from->hold) + (length && length < end ? (size_t)atoi(length + 17) : 0);
    if (from->held < whole) return;
    memmove(from->hold, from->hold + whole, from->held -= whole);
    conn_post(c, answer, answer_size);
}

static void opened(connection *c) { (void)c; }

static bool writable(connection *c) {
    (void)c;
    return false;
}

static void closed(connection *c) { free(c); }

static const role CALLER = {opened, received, writable, closed};

static connection *accepted(void) {
    caller *from = calloc(1, sizeof *from);
    from->c.role = &CALLER;
    return &from->c;
}

void api_listen(int port, const char *answer_file) {
    FILE *file = fopen(answer_file, "rb");
    if (!file) fail("cannot open %s", answer_file);
    answer_size = fread(answer, 1, sizeof answer, file);
    fclose(file);
    conn_listen(port, NULL, accepted);
}
