/* SPDX-License-Identifier: Apache-2.0
 *
 * What a running firmware has in its heap before anything goes wrong: sessions that stay, messages that come and go.
 */
#include "board.h"
#include "scenarios.h"

enum { SESSIONS = 34, BURST = 8, ROUNDS = 112 };

void *traffic_sessions[SESSIONS];
static void *burst[BURST];
static uint32_t seed = 0x2545F491u;

uint32_t random_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

SCENARIO void neighbours_expect(const void *left, size_t size, const void *right)
{
    if ((uintptr_t)right != (uintptr_t)left + size + sizeof(size_t)) {
        board_print("the blocks are not neighbours\n");
        board_exit(BOARD_MISPLACED);
    }
}

SCENARIO static void *buffer_create(size_t size)
{
    void *buffer = malloc(size); /* LINE: traffic-alloc */
    memset(buffer, 0x20, size);
    return buffer;
}

/* These leave holes of less than SCENARIO_SIZE bytes between two that stay: of no use to a scenario's requests. */
static bool session_closes(unsigned number)
{
    return number % 8 == 4;
}

SCENARIO static void *session_open(unsigned number)
{
    return buffer_create(session_closes(number) ? 20 + number : 16 + (number * 37) % 300);
}

SCENARIO static void *credentials_load(unsigned number)
{
    char *text = calloc(1, 24 + (number * 13) % 80); /* LINE: traffic-calloc */
    strcpy(text, "user=guest");
    return text;
}

SCENARIO static void *log_line_create(size_t size)
{
    char *line = malloc(size);
    memset(line, '-', size);
    return line;
}

SCENARIO static void *header_parse(size_t size)
{
    return buffer_create(size);
}

SCENARIO static void *message_receive(unsigned kind)
{
    size_t size = 12 + random_next(&seed) % 400;
    return kind % 3 == 0 ? log_line_create(size) : header_parse(size);
}

SCENARIO static void message_release(void *message)
{
    free(message); /* LINE: traffic-free */
}

SCENARIO static void burst_handle(void)
{
    for (unsigned i = 0; i < BURST; i++) {
        burst[i] = message_receive(i);
    }
    for (unsigned i = 0; i < BURST; i++) {
        message_release(burst[i]);
    }
}

SCENARIO void traffic_rounds(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        burst_handle();
    }
}

SCENARIO static void sessions_open(void)
{
    for (unsigned i = 0; i < SESSIONS; i++) {
        traffic_sessions[i] = i % 4 == 3 ? credentials_load(i) : session_open(i);
    }
}

SCENARIO static void sessions_close_some(void)
{
    for (unsigned i = 0; i < SESSIONS; i++) {
        if (session_closes(i)) {
            free(traffic_sessions[i]);
            traffic_sessions[i] = NULL;
        }
    }
}

SCENARIO void traffic_run(void)
{
    sessions_open();
    sessions_close_some();
    traffic_rounds(ROUNDS);
}
