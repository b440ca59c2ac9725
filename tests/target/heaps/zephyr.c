// SPDX-License-Identifier: Apache-2.0
// Heaps laid out as Zephyr's are, written by hand: k_malloc's and one of K_HEAP_DEFINE, and records of their blocks laid
// out as heaptrace's. No code of Zephyr's.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct root {
    void *heap, *memory;
    uintptr_t bytes;
    void *waiting[2];
};

#ifdef __x86_64__
#define SIZE "40"
#else
#define SIZE "20"
#endif
#define UNITS 200
#define WIDE (sizeof(void *) == 8)
#define HEADER (WIDE ? 8 : 4)

static uint64_t memory[2][UNITS + 1];
struct root _system_heap;
struct root sensors;
__asm__(".global _k_heap_list_start, _k_heap_list_end\n.set _k_heap_list_start, sensors\n.set _k_heap_list_end, "
        "sensors + " SIZE);

static void put(uint64_t *heap, unsigned chunk, unsigned field, uint32_t value)
{
    uint8_t *at = (uint8_t *)&heap[chunk];
    if (WIDE)
        memcpy(at + 4 * field, &value, 4);
    else
        memcpy(at + 2 * field, &value, 2);
}

// Two used chunks of 6 units, and a free one behind them.
static void make(struct root *root, uint64_t *heap)
{
    const unsigned least = WIDE ? 2 : 1, buckets = 32 - __builtin_clz(UNITS - least + 1);
    const unsigned first = (16 + 4 * buckets + 7) / 8, rest = UNITS - first - 12;
    const unsigned list = 31 - __builtin_clz(rest - least + 1);
    uint32_t *words = (uint32_t *)heap;
    *root = (struct root){heap, heap, sizeof memory[0], {0}};
    put(heap, 0, 1, first << 1 | 1);
    words[2] = UNITS;
    words[3] = 1u << list;
    words[4 + list] = first + 12;
    put(heap, first, 0, first), put(heap, first, 1, 6 << 1 | 1);
    put(heap, first + 6, 0, 6), put(heap, first + 6, 1, 6 << 1 | 1);
    put(heap, first + 12, 0, 6), put(heap, first + 12, 1, rest << 1);
    put(heap, first + 12, 2, first + 12), put(heap, first + 12, 3, first + 12);
    put(heap, UNITS, 0, rest), put(heap, UNITS, 1, 1);
    for (unsigned chunk = first; chunk < first + 12 && root == &_system_heap; chunk += 6)
        memcpy((uint8_t *)&heap[chunk] + HEADER, &root, sizeof root); // k_malloc's pointer to its heap
}

enum { RECORDS = 4, DEPTH = 3 };
struct heaptrace_record {
    void *ptr;
    size_t size;
    uintptr_t heap_id;
    void *alloc_tid;
    char alloc_thread_name[16];
    uint32_t alloc_time_ms;
    unsigned int alloc_cpu;
    int bt_depth;
    unsigned long bt_buf[DEPTH];
    bool used;
    bool resize_pending;
};
static struct heaptrace_record heaptrace_records[RECORDS];
static struct {
    int type;
    char name[16];
} heaptrace_filter;

// The slots are taken from the last one on: their order is not that of the calls.
void __attribute__((noinline)) heaptrace_alloc(void *block, struct root *root, const char *thread, uint32_t time)
{
    struct heaptrace_record *record = &heaptrace_records[RECORDS - 1];
    while (record->used)
        record--;
    *record = (struct heaptrace_record){.ptr = block, .size = 48 - HEADER, .heap_id = (uintptr_t)root, .used = true};
    strncpy(record->alloc_thread_name, thread, sizeof record->alloc_thread_name - 1);
    record->alloc_time_ms = time;
    record->bt_depth = 1;
    record->bt_buf[0] = (unsigned long)__builtin_return_address(0);
}

static uint8_t *__attribute__((noinline)) block_of(unsigned heap, unsigned number)
{
    const unsigned first = (16 + 4 * 8 + 7) / 8;
    return (uint8_t *)&memory[heap][first + 6 * number] + HEADER;
}

void __attribute__((noinline)) shell_line(void)
{
    heaptrace_alloc(block_of(0, 0), &_system_heap, "shell", 120);
    __asm__ volatile("" ::: "memory");
}

void __attribute__((noinline)) net_packet(void)
{
    heaptrace_alloc(block_of(0, 1), &_system_heap, "net_rx", 250);
    __asm__ volatile("" ::: "memory");
}

void __attribute__((noinline)) sensor_sample(void)
{
    heaptrace_alloc(block_of(1, 0), &sensors, "sensors", 300);
    __asm__ volatile("" ::: "memory");
}

void __attribute__((noinline)) stop_here(void)
{
    __asm__ volatile("" ::: "memory");
}

int main(void)
{
    make(&_system_heap, memory[0]);
    make(&sensors, memory[1]);
    shell_line();
    net_packet();
    sensor_sample();
    stop_here();
    memset(block_of(0, 0) + sizeof(void *), 'A', 48 - HEADER - sizeof(void *) + HEADER);
    stop_here();
    return 0;
}
