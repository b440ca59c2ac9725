/* SPDX-License-Identifier: Apache-2.0
 * A process with a heap of RT-Thread's small memory, kept as mem.c of 5.0 keeps it, or of 3.1 with -DRELEASE=3, under
 * the names of its symbols, with RT_USING_MEMTRACE. The code is the project's own; no block is freed.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct item {
#if RELEASE == 3
    uint16_t magic, used;
#else
    uintptr_t pool_ptr;
#endif
    size_t next, prev;
    char thread[sizeof(long)];
};
struct small_mem {
    char name[8];
    uint8_t type, flag;
    void *list[2];
    const char *algorithm;
    uintptr_t address;
    size_t total, used, max;
    uint8_t *heap_ptr;
    struct item *heap_end, *lfree;
    size_t mem_size_aligned;
};
enum { WHOLE = 1024, HEADER = sizeof(struct item) };
static uint8_t memory[WHOLE] __attribute__((aligned(16)));
static uint8_t *heap_ptr;
static struct item *heap_end, *lfree;
#if RELEASE != 3
static struct small_mem *system_heap;
#endif

static void put(size_t at, int used, size_t next, size_t prev, const char *thread)
{
    struct item *one = (struct item *)&heap_ptr[at];
#if RELEASE == 3
    one->magic = 0x1ea0;
    one->used = used;
#else
    one->pool_ptr = (uintptr_t)system_heap | used;
#endif
    one->next = next;
    one->prev = prev;
    memset(one->thread, ' ', sizeof one->thread);
    memcpy(one->thread, thread, strlen(thread));
}

static void heap_init(void)
{
#if RELEASE == 3
    heap_ptr = memory;
#else
    heap_ptr = memory + ((sizeof(struct small_mem) + 7) & ~7);
#endif
    size_t size = memory + WHOLE - heap_ptr - 2 * HEADER, end = size + HEADER;
    heap_end = (struct item *)&heap_ptr[end];
    lfree = (struct item *)heap_ptr;
#if RELEASE != 3
    system_heap = (struct small_mem *)memory;
    *system_heap = (struct small_mem){"heap", 0x8a,     0,        {0, 0}, "small", (uintptr_t)heap_ptr, size, 0,
                                      0,      heap_ptr, heap_end, lfree,  size};
#endif
    put(0, 0, end, 0, "INIT");
    put(end, 1, end, end, "INIT");
}

void *rt_malloc(size_t size)
{
    size_t at = (uint8_t *)lfree - heap_ptr, rest = at + HEADER + ((size + 7) & ~7);
    put(rest, 0, lfree->next, at, "");
    put(at, 1, rest, lfree->prev, at ? "net" : "main");
    lfree = (struct item *)&heap_ptr[rest];
#if RELEASE != 3
    system_heap->used = system_heap->max = system_heap->used + rest - at;
    system_heap->lfree = lfree;
#endif
    return &heap_ptr[at + HEADER];
}

#if RELEASE != 3
void *rt_smem_alloc(struct small_mem *heap, size_t size)
{
    return heap == system_heap ? rt_malloc(size) : NULL;
}
#endif

__attribute__((noinline)) void stop_here(void)
{
    __asm__ volatile("" : : "r"(heap_end), "r"(lfree) : "memory");
}

int main(void)
{
    heap_init();
    char *line = rt_malloc(40);
    rt_malloc(104);
    rt_malloc(64);
    stop_here();
    memset(line, 'A', 40 + HEADER);
    stop_here();
    return 0;
}
