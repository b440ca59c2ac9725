/* SPDX-License-Identifier: Apache-2.0
 *
 * A process with a recorder, and on 32 bits with the test firmware's heap too: damaged, then stopped in host_stop, where a
 * debugger dumps it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "memtrace.h"
#include "real.h"

enum { BLOCKS = 40, BYTES = 48, STACK_BYTES = 1 << 16 };

_Thread_local struct real_here real_here;

static uint64_t ring[2048];
static uint64_t heap[8192];

void host_stop(void);

#if UINTPTR_MAX == UINT32_MAX
#include "board.h"
#include "heap_caps.h"

unsigned board_core(void)
{
    return 0;
}

uint32_t board_interrupts_off(void)
{
    return 1;
}

void board_interrupts_restore(uint32_t interrupts)
{
    (void)interrupts;
}

bool board_word_claim(uint32_t *word, uint32_t expected, uint32_t desired)
{
    (void)expected;
    *word = desired;
    return true;
}

void board_word_release(uint32_t *word, uint32_t value)
{
    *word = value;
}

static void heap_start(void)
{
    static const soc_memory_type_desc_t types[] = {{"RAM", {MALLOC_CAP_DEFAULT, MALLOC_CAP_8BIT, 0}}};
    const struct heap_region region = {heap, sizeof heap, 0};
    heap_caps_init(&region, 1, types);
}

static void *take(size_t size)
{
    return heap_caps_malloc(size, MALLOC_CAP_8BIT);
}

static void give(void *block)
{
    heap_caps_free(block);
}
#else
static void heap_start(void)
{
}

static void *take(size_t size)
{
    static size_t taken;
    taken += size;
    return (char *)heap + taken - size;
}

static void give(void *block)
{
    (void)block;
}
#endif

__attribute__((noinline)) void *host_malloc(size_t size)
{
    void *block = take(size);
    memtrace_alloc(MEMTRACE_CALLER(), block, size, 0);
    return block;
}

__attribute__((noinline)) void host_free(void *block)
{
    memtrace_free(MEMTRACE_CALLER(), block, 0);
    give(block);
}

__attribute__((noinline)) static char *picture_load(unsigned number)
{
    return host_malloc(BYTES + number); /* LINE: picture-load */
}

__attribute__((noinline)) void host_stop(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) static void host_run(void)
{
    char *blocks[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i] = picture_load(i); /* LINE: host-run */
    }
    for (unsigned i = 0; i < BLOCKS; i += 4) {
        host_free(blocks[i]); /* LINE: host-free */
    }
    memset(blocks[5], 'A', BYTES + 5 + 12); /* the header behind it */
    host_stop();
}

int main(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    real_here = (struct real_here){(uintptr_t) "main", here - STACK_BYTES, here};
    heap_start();
    memtrace_init(ring, sizeof ring, NULL);
    host_run();
    return 0;
}
