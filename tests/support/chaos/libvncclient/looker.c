/* A viewer made of libvncclient: looker HOST PORT ENCODINGS X Y. It leaves its pointer at X, Y.
 *
 * On stdin "picture FILE" writes the framebuffer, 4 bytes a pixel, and answers "picture WIDTH HEIGHT"; "drawn" answers
 * with the number of updates so far. It ends when its connection does. */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rfb/rfbclient.h>

static unsigned long updates;

static void finished(rfbClient *client) {
    (void)client;
    updates++;
}

static void obey(rfbClient *client, char *line) {
    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "picture ", 8) == 0) {
        FILE *file = fopen(line + 8, "wb");
        if (!file)
            exit(2);
        fwrite(client->frameBuffer, 4, (size_t)client->width * client->height, file);
        fclose(file);
        printf("picture %d %d\n", client->width, client->height);
    } else {
        printf("drawn %lu\n", updates);
    }
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 6)
        return 2;
    rfbClient *client = rfbGetClient(8, 3, 4);
    client->serverHost = strdup(argv[1]);
    client->serverPort = atoi(argv[2]);
    client->appData.encodingsString = argv[3];
    client->appData.enableJPEG = FALSE;
    client->appData.useRemoteCursor = TRUE;
    client->canHandleNewFBSize = TRUE;
    client->FinishedFrameBufferUpdate = finished;
    if (!rfbInitClient(client, NULL, NULL))
        return 1;
    SendPointerEvent(client, atoi(argv[4]), atoi(argv[5]), 0);
    setvbuf(stdin, NULL, _IONBF, 0);
    for (;;) {
        struct pollfd ready[2] = {{client->sock, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
        if (client->buffered == 0)
            poll(ready, 2, -1);
        if ((client->buffered || ready[0].revents) && !HandleRFBServerMessage(client))
            return 1;
        if (ready[1].revents) {
            char line[4096];
            if (!fgets(line, sizeof line, stdin))
                return 0;
            obey(client, line);
        }
    }
}
