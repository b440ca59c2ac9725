/* SPDX-License-Identifier: Apache-2.0
 *
 * Dividing the user's memory: the recorder's own part, names, live table, stacks with their index, and events in the rest.
 *
 * Approach: one cursor moves through the memory and leaves a table's description in the header at each step.
 * Rejected: fixed arrays sized at compile time (the user knows his memory, not we his tables).
 * Assumptions: nobody else records while it runs.
 */
#include <string.h>

#include "frames.h"
#include "live.h"

#define NAMES_DEFAULT 16u
#define NAMES_MAX 250u
#define STACK_BYTES_MIN 64u
#define MEMORY_MAX ((size_t)1 << 30)

_Static_assert(sizeof(struct recorder) % _Alignof(uint64_t) == 0, "the names follow");
_Static_assert(MEMTRACE_PORT_CORES <= 1u << MEMTRACE_CORE_BITS, "cores that an event can name");

/* The table's place in the ring's memory; the next one's is returned. */
static uint32_t table_place(struct memtrace_table *table, uint32_t offset, uint32_t entry_size, uint32_t count)
{
    *table = (struct memtrace_table){count != 0 ? offset : 0, entry_size, count};
    return offset + entry_size * count;
}

/* Slots of the index: the power of two that takes between an eighth and a quarter of the stacks' bytes. */
static uint32_t index_slots(uint32_t stack_bytes)
{
    uint32_t slots = 1;
    while (slots * 2 * sizeof(uint32_t) <= stack_bytes / 4)
        slots *= 2;
    return slots;
}

static uint32_t arena_words(uint32_t bytes)
{
    uint32_t words = bytes / (uint32_t)sizeof(memtrace_word);
    return words < STACK_MASK ? words : (uint32_t)STACK_MASK;
}

static bool config_fits(const struct memtrace_config *config, size_t bytes)
{
    return config->names <= NAMES_MAX && config->names >= MEMTRACE_CONTEXT_FIRST_TASK &&
           config->stack_bytes >= STACK_BYTES_MIN && config->stack_bytes <= bytes &&
           config->live <= bytes / sizeof(memtrace_live);
}

/* Every table's place; false: too few events are left. */
static bool tables_place(struct memtrace_header *header, size_t bytes, const struct memtrace_config *config)
{
    uint32_t stacks = (uint32_t)config->stack_bytes & ~7u;
    uint32_t slots = index_slots(stacks);
    uint32_t live = MEMTRACE_LIVE ? config->live & ~(LIVE_WAYS - 1u) : 0;
    uint32_t at = table_place(&header->names, sizeof(struct recorder), sizeof(struct memtrace_name), config->names);
    at = table_place(&header->live, at, sizeof(memtrace_live), live);
    at = table_place(&header->stack_index, at, sizeof(uint32_t), slots);
    at = table_place(&header->stacks, at, sizeof(memtrace_word), arena_words(stacks - slots * (uint32_t)sizeof(uint32_t)));
    at = (at + 7u) & ~7u;
    if (bytes < at + EVENTS_MIN * sizeof(memtrace_event))
        return false;
    uint32_t events = ((uint32_t)bytes - at) / (uint32_t)sizeof(memtrace_event);
    header->total_size = table_place(&header->events, at, sizeof(memtrace_event), events < EVENTS_MAX ? events : EVENTS_MAX);
    return true;
}

static void header_describe(struct memtrace_header *header)
{
    header->byte_order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? MEMTRACE_LITTLE : MEMTRACE_BIG;
    header->pointer_size = sizeof(uintptr_t);
    header->arch = MEMTRACE_ARCH_ID;
    header->abi = MEMTRACE_ABI_ID;
    header->version = MEMTRACE_FORMAT_VERSION;
    header->header_size = sizeof(struct memtrace_header);
    header->event_size = sizeof(memtrace_event);
    header->size_bits = SIZE_BITS;
    header->stack_bits = STACK_BITS;
    header->context_bits = CONTEXT_BITS;
    header->time_bits = TIME_BITS;
    header->seq_bits = SEQ_BITS;
    header->core_bits = MEMTRACE_CORE_BITS;
    header->self = (uintptr_t)header;
    header->tick_hz = MEMTRACE_PORT_TICK_HZ;
    header->heap_mask = UINT32_MAX;
    memset(header->context_mask, 0xff, sizeof header->context_mask);
}

static void time_start(struct memtrace_header *header)
{
    uint64_t now = MEMTRACE_PORT_TICK_HZ != 0 ? memtrace_port_time_full() : 0;
    header->time_low = header->sync_low = (uint32_t)now;
    header->sync_high = (uint32_t)(now >> 32);
}

/* Word 0 of the arena is a key of no depth, and the first PC behind it must be none. */
static void recorder_fill(struct recorder *ring)
{
    const struct memtrace_header *header = &ring->header;
    char *base = (char *)ring;
    ring->states = (memtrace_word *)(void *)(base + header->events.offset) + STATE_WORD;
    ring->arena = (memtrace_word *)(void *)(base + header->stacks.offset);
    ring->stack_index = (uint32_t *)(void *)(base + header->stack_index.offset);
    ring->index_mask = header->stack_index.count - 1u;
    ring->index_limit = header->events.count << MEMTRACE_LAP_BITS;
    ring->header.stack_words_used = 2;
    gate_update(ring);
}

static void contexts_name(struct recorder *ring)
{
    static const char names[MEMTRACE_CONTEXT_FIRST_TASK][8] = {"startup", "ISR", "other"};
    for (unsigned i = 0; i < MEMTRACE_CONTEXT_FIRST_TASK; i++)
        (void)name_number(ring, MEMTRACE_NAME_CONTEXT, i, names[i]);
}

/* The magic's bytes stand inverted in the program, where the compiler cannot see them together: images are searched for it. */
static void magic_write(struct memtrace_header *header)
{
    static const uint8_t inverted[sizeof header->magic] = {0x76, 0xb2, 0xba, 0xb2, 0xab, 0xad, 0xbc, 0xf5};
    uint8_t ones = 0xff;
    __asm__ volatile("" : "+r"(ones));
    stores_order();
    for (unsigned i = 0; i < sizeof header->magic; i++)
        header->magic[i] = inverted[i] ^ ones;
}

bool memtrace_init(void *memory, size_t bytes, const struct memtrace_config *config)
{
    struct recorder *ring = memory;
    size_t usable = bytes < MEMORY_MAX ? bytes : MEMORY_MAX;
    struct memtrace_config wanted = {0};
    if (memory == NULL || (uintptr_t)memory % _Alignof(uint64_t) != 0 || bytes < sizeof *ring)
        return false;
    if (config != NULL)
        wanted = *config;
    wanted.stack_bytes = wanted.stack_bytes != 0 ? wanted.stack_bytes : usable / 4;
    wanted.names = wanted.names != 0 ? wanted.names : NAMES_DEFAULT;
    memtrace_ring = NULL;
    memset(memory, 0, usable);
    if (!config_fits(&wanted, usable) || !tables_place(&ring->header, usable, &wanted))
        return false;
    header_describe(&ring->header);
    recorder_fill(ring);
    contexts_name(ring);
    time_start(&ring->header);
    memtrace_port_build_id(ring->header.build_id);
    magic_write(&ring->header);
    __atomic_store_n(&memtrace_ring, &ring->header, __ATOMIC_RELEASE);
    return true;
}
