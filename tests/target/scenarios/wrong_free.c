/* SPDX-License-Identifier: Apache-2.0
 *
 * Frees that go wrong but for a second one: behind the recorder's back, into another heap, of a pointer into a block.
 */
#include "heap_caps.h"
#include "memtrace.h"
#include "multi_heap.h"
#include "scenarios.h"

enum { MESSAGE_BYTES = 100 };

/* For blocks that live on: a checker of sources would call them leaks. */
static void *volatile kept;

SCENARIO static char *message_create(void)
{
    char *message = malloc(MESSAGE_BYTES); /* LINE: message-alloc */
    memset(message, 0, MESSAGE_BYTES);
    return message;
}

/* With a neighbour that keeps it from joining the free rest of the heap. */
SCENARIO static char *message_create_fenced(void)
{
    char *message = message_create();
    kept = message_create();
    neighbours_expect(message, MESSAGE_BYTES, kept);
    return message;
}

/* ---- freed where the recorder is not called ---- */

SCENARIO static void message_drop(char *message)
{
    multi_heap_free(registered_heaps.slh_first->heap, message); /* LINE: unseen-free */
}

SCENARIO void test_unseen_free(void)
{
    message_drop(message_create_fenced());
}

SCENARIO static char *reader_create(void)
{
    return malloc(MESSAGE_BYTES); /* LINE: shared-alloc */
}

SCENARIO void test_shared(void)
{
    char *message = message_create_fenced();
    message_drop(message);
    char *reader = reader_create();
    neighbours_expect(reader, MESSAGE_BYTES, kept);
}

SCENARIO static char *report_create(void)
{
    return malloc(2 * MESSAGE_BYTES); /* LINE: joined-alloc */
}

/* The dropped block joins the free one before it, and somebody gets both. */
SCENARIO void test_joined(void)
{
    char *before = message_create();
    char *message = message_create_fenced();
    neighbours_expect(before, MESSAGE_BYTES, message);
    free(before);
    message_drop(message);
    char *report = report_create();
    neighbours_expect(report, 2 * MESSAGE_BYTES + sizeof(size_t), kept);
}

/* ---- given to a heap that it is not from ---- */

SCENARIO static void pool_return(multi_heap_handle_t pool, char *message)
{
    memtrace_free(MEMTRACE_CALLER(), message, HEAP_NUMBER_UNKNOWN);
    multi_heap_free(pool, message);
}

SCENARIO static void message_return(char *message)
{
    pool_return(registered_heaps.slh_first->next.sle_next->heap, message); /* LINE: wrong-heap-free */
}

SCENARIO void test_wrong_heap(void)
{
    message_return(message_create_fenced());
}

/* ---- a pointer into a block ---- */

SCENARIO static void body_free(char *message)
{
    free(message + 16); /* LINE: inner-free */
}

SCENARIO void test_inner_free(void)
{
    body_free(message_create_fenced());
}
