/* SPDX-License-Identifier: Apache-2.0
 *
 * Stale pointers: writes into freed blocks, a second free, a block that has another owner by now, and a pointer that never was
 * right.
 */
#include "scenarios.h"

struct node {
    struct node *next;
    struct node *previous;
    char text[88];
};

/* For blocks that live on: a checker of sources would call them leaks. */
static struct node *volatile kept;

SCENARIO static struct node *node_create(void)
{
    struct node *node = malloc(sizeof *node); /* LINE: node-alloc */
    memset(node, 'n', sizeof *node);
    return node;
}

SCENARIO static void node_destroy(struct node *node)
{
    free(node); /* LINE: node-free */
}

/* A node with a neighbour that keeps it from joining the free rest of the heap. */
SCENARIO static struct node *node_create_fenced(void)
{
    struct node *node = node_create();
    const struct node *fence = node_create();
    neighbours_expect(node, sizeof *node, fence);
    return node;
}

SCENARIO void test_uaf_links(void)
{
    struct node *node = node_create_fenced();
    node_destroy(node);
    node->next = NULL;     /* LINE: uaf-links-write */
    node->previous = NULL; /* LINE: uaf-links-write-2 */
    kept = node_create();  /* LINE: uaf-links-assert */
}

SCENARIO void test_uaf_links_text(void)
{
    struct node *node = node_create_fenced();
    node_destroy(node);
    memcpy(node, "late log", 8); /* LINE: uaf-links-text-write */
}

/* ---- double free ---- */

SCENARIO static void connection_close(struct node *node)
{
    node_destroy(node); /* LINE: double-free-first */
}

SCENARIO static void connection_timeout(struct node *node)
{
    free(node); /* LINE: double-free-second */
}

SCENARIO void test_double_free(void)
{
    struct node *node = node_create_fenced();
    connection_close(node);
    connection_timeout(node);
}

/* With other work behind it, where the allocator does not refuse it. */
SCENARIO void test_double_free_late(void)
{
    test_double_free();
    kept = calloc(1, 16 * sizeof *kept); /* LINE: double-free-later */
}

/* ---- the same address has a new owner ---- */

SCENARIO static char *first_owner_create(void)
{
    return malloc(128); /* LINE: reused-first-alloc */
}

SCENARIO static void first_owner_release(char *data)
{
    free(data); /* LINE: reused-first-free */
}

SCENARIO static char *second_owner_create(void)
{
    return malloc(128); /* LINE: reused-second-alloc */
}

SCENARIO static void first_owner_late_write(char *data)
{
    memset(data, 0x77, 132); /* LINE: reused-write */
}

SCENARIO void test_reused(void)
{
    char *first = first_owner_create();
    struct node *right = node_create();
    neighbours_expect(first, 128, right);
    first_owner_release(first);
    const char *second = second_owner_create();
    neighbours_expect(second, 128, right);
    first_owner_late_write(first);
    node_destroy(right);
}

/* ---- a device goes on writing into a block that was freed ---- */

enum { FRAME_BYTES = 128 };

SCENARIO static char *camera_start(void)
{
    return malloc(FRAME_BYTES); /* LINE: dma-alloc */
}

SCENARIO static void camera_stop(char *frame)
{
    free(frame); /* LINE: dma-free */
}

SCENARIO void test_dma(void)
{
    char *frame = camera_start();
    kept = node_create();
    camera_stop(frame);
    board_dma(frame, FRAME_BYTES / 2); /* LINE: dma-write */
    kept = malloc(FRAME_BYTES);
}

/* ---- a pointer that belongs to nobody ---- */

volatile uint16_t *stray_register;

SCENARIO static void driver_init(const struct node *victim, unsigned offset)
{
    stray_register = (volatile uint16_t *)((uintptr_t)victim - sizeof(size_t) + offset);
}

SCENARIO static void driver_poll(void)
{
    *stray_register = 0xBEEF; /* LINE: stray-write */
}

SCENARIO static struct node *stray_run(unsigned offset)
{
    kept = node_create();
    struct node *victim = node_create_fenced();
    driver_init(victim, offset);
    driver_poll();
    return victim;
}

/* The upper half of the size word. */
SCENARIO void test_stray(void)
{
    kept = stray_run(2);
}

SCENARIO void test_stray_assert(void)
{
    struct node *victim = stray_run(0);
    node_destroy(victim);
}
