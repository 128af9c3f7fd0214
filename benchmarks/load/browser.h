/* The browsers: sessions through the relay (see browser.c). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef enum { IDLE, INPUT, FLOW, CHURN } kind; /* what a session does once it has its picture; CHURN: it ends */

typedef struct browser browser;

browser *browser_open(kind, int number);
bool browser_ready(const browser *);             /* has its picture, and nothing is on its way */
uint64_t browser_go(browser *, uint64_t now);    /* begin with what its kind does: when is it due? 0: never */
uint64_t browser_tick(browser *, uint64_t due, uint64_t now); /* it is due: when again? */
void browser_expect_splice(browser *, uint64_t); /* its server goes now: the next is a new picture */
void browser_mark(browser *);                    /* count anew from here */
uint64_t browser_bytes(const browser *);         /* of its endless stream, since the mark */
extern void (*browser_gone)(browser *);          /* a CHURN session is over, and the pointer with it */
