/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers requests and forgets some of their buffers; `leaky smash` writes past the end of one, too.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUESTS = 40, BYTES = 100, KEPT = 10 };

static char *request_take(int number)
{
    char *buffer = malloc(BYTES);
    if (buffer != NULL)
        snprintf(buffer, BYTES, "request %d", number);
    return buffer;
}

/* Every tenth one is forgotten. */
static void *requests_answer(void *unused)
{
    (void)unused;
    for (int number = 1; number <= REQUESTS; number++) {
        char *buffer = request_take(number);
        if (number % KEPT != 0)
            free(buffer);
    }
    return NULL;
}

static void request_smash(void)
{
    char *buffer = request_take(0);
    char *behind = request_take(1);
    for (volatile char *at = buffer; at < buffer + BYTES + 16; at++)
        *at = '!';
    free(behind);
    free(buffer);
}

int main(int argc, char *argv[])
{
    pthread_t answering;
    if (pthread_create(&answering, NULL, requests_answer, NULL) != 0)
        return 1;
    pthread_setname_np(answering, "answering");
    pthread_join(answering, NULL);
    printf("%d requests answered\n", REQUESTS);
    if (argc > 1 && strcmp(argv[1], "smash") == 0)
        request_smash();
    return 0;
}
