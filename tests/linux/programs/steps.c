/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that does what its standard input says, a line a step, and answers each step with a line: then it is done.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memtrace_checkpoint.h"

#define FUNCTION __attribute__((noinline))

enum { MOST = 4096 };
static void *blocks[MOST];
static int used;

static FUNCTION void take(size_t size)
{
    blocks[used++] = malloc(size); /* LINE: take */
    __asm__ volatile("");
}

static FUNCTION void give(void)
{
    free(blocks[--used]);
    __asm__ volatile("");
}

/* A call at a function's end would leave no frame. */
static FUNCTION void deep(int frames, size_t size)
{
    if (frames > 1)
        deep(frames - 1, size);
    else
        take(size);
    __asm__ volatile("");
}

static void many(size_t rounds)
{
    for (size_t round = 0; round < rounds; round++) {
        take(10 + round % 100);
        give();
    }
}

static void child(size_t size)
{
    pid_t number = fork();
    if (number == 0) {
        take(size);
        exit(0);
    }
    waitpid(number, NULL, 0);
}

static void ignored_signals(void)
{
    for (int number = 1; number < 32; number++) {
        struct sigaction now;
        if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            printf("%d ", number);
    }
}

static int step(const char *line)
{
    char word[16] = "", rest[128] = "";
    (void)sscanf(line, "%15s %127[^\n]", word, rest);
    size_t number = (size_t)strtoull(rest, NULL, 0);
    if (strcmp(word, "take") == 0)
        take(number);
    else if (strcmp(word, "give") == 0)
        give();
    else if (strcmp(word, "deep") == 0)
        deep((int)number, 48);
    else if (strcmp(word, "many") == 0)
        many(number);
    else if (strcmp(word, "mark") == 0)
        memtrace_checkpoint(rest);
    else if (strcmp(word, "on") == 0)
        memtrace_recording_start();
    else if (strcmp(word, "off") == 0)
        memtrace_recording_stop();
    else if (strcmp(word, "fork") == 0)
        child(number);
    else if (strcmp(word, "run") == 0)
        number = (size_t)system(rest);
    else if (strcmp(word, "raise") == 0)
        raise((int)number);
    else if (strcmp(word, "ignored") == 0)
        ignored_signals();
    else if (strcmp(word, "number") == 0)
        printf("%d ", (int)getpid());
    else if (strcmp(word, "end") == 0)
        return (int)number;
    puts("done");
    return -1;
}

int main(void)
{
    static char buffer[4096], line[256];
    setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
    int end = -1;
    while (end < 0 && read(STDIN_FILENO, line, 0) == 0) {
        size_t length = 0;
        while (length < sizeof line - 1 && read(STDIN_FILENO, line + length, 1) == 1 && line[length] != '\n')
            length++;
        if (length == 0)
            return 0;
        line[length] = 0;
        end = step(line);
    }
    return end;
}
