/* The VNC servers: they answer what they are asked (see server.c). */
#pragma once
#include <openssl/ssl.h>

void servers_listen(int port, SSL_CTX *tls);
void servers_tick(uint64_t now); /* let streams with a time of their own go on */
void servers_cut(void);          /* drop all connections */
