/* A cloud's API: one answer, made beforehand, to every request. */
#pragma once

void api_listen(int port, const char *answer_file);
