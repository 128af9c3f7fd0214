/* The load of one measurement: VNC servers, and browsers that reach them through a relay, in one process.
 *
 * Commands come on stdin, a line each, events go to stdout as JSON:
 *   (start)  opens all sessions                        -> open
 *   go       each session begins with what its kind does
 *   mark     counting starts anew                      -> marked, with what was counted until now
 *   stop     no more work; all that was sent must come -> stopped, drained
 *   cut      drops all servers' connections            -> spliced, when all have a new picture
 *   (end of input) exits
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "api.h"
#include "browser.h"
#include "connection.h"
#include "plan.h"
#include "server.h"

#define OPENING 64      /* sessions that open at once */
#define PATIENCE 60     /* seconds for all sent bytes to arrive */
#define SECOND 1000000000u
#define MILLISECOND 1000000u
#define LONGEST 100     /* milliseconds between two looks at the clock */

plan the_plan = {.path = "/", .consoles = 1 << 20, .framed = true, .width = 1920, .height = 1080};
tally the_tally;

static browser **sessions;
static uint64_t *due; /* of each session: when browser_tick has something to do; 0: never */
static int wanted[4], started, churning, at_once = 8; /* by kind */
static uint64_t marked_at, stopped_at;
static double marked_cpu;
static bool told_open, splicing, drained, timed;

void note_delay(uint64_t nanoseconds) {
    tally *t = &the_tally;
    if (t->delay_count == t->delay_room) t->delays = realloc(t->delays, (t->delay_room = 2 * t->delay_room + 1024) * sizeof *t->delays);
    t->delays[t->delay_count++] = nanoseconds > UINT32_MAX ? UINT32_MAX : (uint32_t)nanoseconds;
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double delay_us(double part) {
    size_t count = the_tally.delay_count;
    return count ? the_tally.delays[(size_t)(part * (double)(count - 1))] / 1e3 : 0;
}

static void report(const char *event, uint64_t until, double cpu) {
    tally *t = &the_tally;
    uint64_t least = UINT64_MAX, most = 0;
    for (int i = wanted[IDLE] + wanted[INPUT]; i < the_plan.sessions; i++) {
        uint64_t bytes = browser_bytes(sessions[i]);
        if (bytes < least) least = bytes;
        if (bytes > most) most = bytes;
    }
    qsort(t->delays, t->delay_count, sizeof *t->delays, by_size);
    printf("{\"event\": \"%s\", \"seconds\": %.6f, \"cpu\": %.6f, \"bytes\": %lu, \"trips\": %lu, \"opened\": %lu, \"lost\": %d, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, \"fairness\": %.3f}\n",
           event, (double)(until - marked_at) / 1e9, cpu - marked_cpu, t->bytes, t->trips, t->opened, t->lost,
           delay_us(0.5), delay_us(0.99), delay_us(1), most ? (double)least / (double)most : 1);
    fflush(stdout);
}

static void mark(void) {
    marked_at = now_ns();
    marked_cpu = cpu_seconds();
    for (int i = 0; i < the_plan.sessions && sessions[i]; i++) browser_mark(sessions[i]);
    the_tally.bytes = the_tally.trips = the_tally.opened = the_tally.delay_count = 0;
}

static kind kind_of(int number) {
    return number < wanted[IDLE] ? IDLE : number < wanted[IDLE] + wanted[INPUT] ? INPUT : FLOW;
}

static void open_more(void) {
    while (started < the_plan.sessions && (uint64_t)started < the_tally.opened + OPENING) {
        sessions[started] = browser_open(kind_of(started), started);
        started++;
    }
    if (told_open || (int)the_tally.opened < the_plan.sessions) return;
    told_open = true;
    report("open", now_ns(), cpu_seconds());
}

static void churn(browser *gone) {
    (void)gone;
    if (!the_tally.stopping) browser_open(CHURN, churning++);
}

static void cut(void) {
    uint64_t now = now_ns();
    mark();
    splicing = true;
    for (int i = 0; i < the_plan.sessions; i++) browser_expect_splice(sessions[i], now);
    servers_cut();
}

static void command(const char *line) {
    uint64_t now = now_ns();
    if (!strncmp(line, "go", 2)) {
        if (!told_open && the_plan.sessions) fail("not all sessions are open");
        for (int i = 0; i < the_plan.sessions; i++) due[i] = browser_go(sessions[i], now);
        for (int i = 0; i < wanted[CHURN] && i < at_once; i++) churn(NULL);
    } else if (!strncmp(line, "mark", 4)) {
        report("marked", now, cpu_seconds());
        mark();
    } else if (!strncmp(line, "stop", 4)) {
        the_tally.stopping = true;
        stopped_at = now;
        report("stopped", now, cpu_seconds());
    } else if (!strncmp(line, "cut", 3)) {
        cut();
    }
}

static void stdin_ready(source *s, uint32_t events) {
    static char line[64];
    static size_t held;
    (void)s, (void)events;
    ssize_t got = read(0, line + held, sizeof line - 1 - held);
    if (got <= 0) exit(0);
    line[held += (size_t)got] = 0;
    for (char *end; (end = strchr(line, '\n')); memmove(line, end + 1, held = strlen(end + 1)), line[held] = 0) command(line);
}

/* Let sessions do what is due; when is the next? */
static uint64_t sessions_tick(uint64_t now) {
    uint64_t soonest = UINT64_MAX;
    for (int i = wanted[IDLE]; i < the_plan.sessions; i++) {
        if (due[i] && due[i] <= now) due[i] = browser_tick(sessions[i], due[i], now);
        if (due[i] && due[i] < soonest) soonest = due[i];
    }
    return soonest;
}

static int milliseconds_until(uint64_t time, uint64_t now) {
    if (time <= now) return 1; /* late: looked at again soon, or when bytes come */
    return time - now < LONGEST * (uint64_t)MILLISECOND ? (int)((time - now) / MILLISECOND) + 1 : LONGEST;
}

static void look(uint64_t now) {
    if (!told_open && the_plan.sessions) open_more();
    if (timed) servers_tick(now);
    if (splicing && (int)the_tally.opened == the_plan.sessions) {
        splicing = false;
        report("spliced", now, cpu_seconds());
    }
    if (!the_tally.stopping || drained) return;
    if (!the_tally.flows && the_tally.sent == the_tally.received) {
        drained = true;
        report("drained", now, cpu_seconds());
    } else if (now - stopped_at > PATIENCE * (uint64_t)SECOND) {
        fail("%lu bytes were sent and %lu arrived", the_tally.sent, the_tally.received);
    }
}

static SSL_CTX *server_tls(const char *pem) { /* certificate and key in one file */
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(tls, pem) != 1 || SSL_CTX_use_PrivateKey_file(tls, pem, SSL_FILETYPE_PEM) != 1)
        fail("no certificate and key in %s", pem);
    return tls;
}

enum { LISTEN = 256, CONNECT, PATH, GRANT_PATH, CONSOLES, FRAME, SERVER_TLS, BROWSER_TLS, SIZE, PICTURE_FILE, UPDATE_FILE,
       STREAM_FILE, API, API_ANSWER, IDLE_COUNT, INPUT_COUNT, FLOW_COUNT, CHURN_COUNT, RATE, STAGGER, READ_RATE };

static const struct option OPTIONS[] = {
    {"listen", 1, 0, LISTEN}, {"connect", 1, 0, CONNECT}, {"path", 1, 0, PATH}, {"grant", 1, 0, GRANT_PATH},
    {"consoles", 1, 0, CONSOLES}, {"frame", 1, 0, FRAME}, {"server-tls", 1, 0, SERVER_TLS}, {"browser-tls", 0, 0, BROWSER_TLS},
    {"size", 1, 0, SIZE}, {"picture", 1, 0, PICTURE_FILE}, {"update", 1, 0, UPDATE_FILE}, {"stream", 1, 0, STREAM_FILE},
    {"api", 1, 0, API}, {"api-answer", 1, 0, API_ANSWER}, {"idle", 1, 0, IDLE_COUNT}, {"input", 1, 0, INPUT_COUNT},
    {"flow", 1, 0, FLOW_COUNT}, {"churn", 1, 0, CHURN_COUNT}, {"rate", 1, 0, RATE}, {"stagger", 1, 0, STAGGER},
    {"read-rate", 1, 0, READ_RATE}, {0, 0, 0, 0}};

int main(int argc, char **argv) {
    int listen_port = 0, api_port = 0;
    size_t frame = 65536;
    const char *answer = NULL, *picture = NULL, *update = NULL, *streams[STREAMS];
    SSL_CTX *upstream_tls = NULL;
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) switch (option) {
        case LISTEN: listen_port = atoi(optarg); break;
        case CONNECT: the_plan.port = atoi(optarg); break;
        case PATH: the_plan.path = optarg; break;
        case GRANT_PATH: the_plan.grant = optarg; break;
        case CONSOLES: the_plan.consoles = atoi(optarg); break;
        case FRAME: frame = (size_t)atol(optarg); break;
        case SERVER_TLS: upstream_tls = server_tls(optarg); break;
        case BROWSER_TLS: the_plan.browser_tls = SSL_CTX_new(TLS_client_method()); break;
        case SIZE: sscanf(optarg, "%dx%d", &the_plan.width, &the_plan.height); break;
        case PICTURE_FILE: picture = optarg; break;
        case UPDATE_FILE: update = optarg; break;
        case STREAM_FILE:
            if (the_plan.stream_count == STREAMS) fail("at most %d streams", STREAMS);
            streams[the_plan.stream_count++] = optarg;
            break;
        case API: api_port = atoi(optarg); break;
        case API_ANSWER: answer = optarg; break;
        case IDLE_COUNT: case INPUT_COUNT: case FLOW_COUNT: case CHURN_COUNT: wanted[option - IDLE_COUNT] = atoi(optarg); break;
        case RATE: the_plan.rate = atof(optarg); break;
        case STAGGER: the_plan.stagger = atof(optarg); break;
        case READ_RATE: the_plan.read_rate = (size_t)atol(optarg); break;
        default: return 2;
        }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    the_plan.framed = frame > 0;
    the_plan.picture = stream_load(picture, frame);
    if (update) the_plan.update = stream_load(update, frame);
    the_plan.offer = stream_of("\226", 1, frame);
    for (int i = 0; i < the_plan.stream_count; i++) the_plan.streams[i] = stream_load(streams[i], frame);
    the_plan.sessions = wanted[IDLE] + wanted[INPUT] + wanted[FLOW];
    sessions = calloc((size_t)the_plan.sessions + 1, sizeof *sessions);
    due = calloc((size_t)the_plan.sessions + 1, sizeof *due);
    browser_gone = churn;
    signal(SIGPIPE, SIG_IGN);
    loop_init();
    servers_listen(listen_port, upstream_tls);
    if (api_port) api_listen(api_port, answer);
    source commands = {stdin_ready};
    loop_watch(0, &commands);
    mark();
    if (!the_plan.sessions) report("open", marked_at, marked_cpu);
    for (int i = 0; i < the_plan.stream_count; i++) timed |= the_plan.streams[i]->moments != NULL;
    for (;;) {
        uint64_t now = now_ns(), next = sessions_tick(now);
        look(now);
        loop_turn(timed || splicing ? 1 : milliseconds_until(next, now));
    }
}
