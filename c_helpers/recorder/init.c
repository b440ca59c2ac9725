/* SPDX-License-Identifier: Apache-2.0
 *
 * Dividing the user's memory: the recorder's own part, names, live table, stacks with their index, and events in the rest.
 *
 * Approach: each table's place is behind the one before it; what does not fit is refused before anything is written. The
 * header's first bytes are copied from a constant.
 * Rejected: fixed arrays sized at compile time (the user knows his memory, not we his tables).
 * Assumptions: nobody else records while it runs.
 */
#include "init.h"

#include <string.h>

#include "frames.h"
#include "live.h"
#include "names.h"

#define NAMES_DEFAULT 32u
#define STACK_BYTES_MIN (64u * (uint32_t)sizeof(memtrace_word))
#define EVEN (sizeof(memtrace_word) == 8 ? ~1u : ~0u) /* tables of 32-bit words in front of wider ones */
#define INDEX_WORDS 16u                               /* of the arena, for each word of its index */
#define STACK_BYTES_MAX \
    (sizeof(memtrace_word) == 8 ? MEMORY_MAX : (STACK_MASK & ~(memtrace_word)1) * sizeof(memtrace_word))

_Static_assert(sizeof(struct ring_description) == offsetof(struct memtrace_header, self), "the header's start");
_Static_assert(offsetof(struct ring_description, event_size) == offsetof(struct memtrace_header, event_size),
               "and its order");
_Static_assert(offsetof(struct recorder, names) % 8u == 0, "tables are aligned to 8 bytes");
_Static_assert(MEMTRACE_PORT_CORES <= 1u << MEMTRACE_CORE_BITS, "cores that an event can name");
_Static_assert(STACK_BYTES_MIN / sizeof(memtrace_word) > MEMTRACE_DEPTH + MEMTRACE_DEPTH / 2u + 3u,
               "any stack fits an empty arena");

const struct ring_description ring_description = {
    .magic = {0, MEMTRACE_MAGIC_REST},
    .byte_order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? MEMTRACE_LITTLE : MEMTRACE_BIG,
    .pointer_size = sizeof(uintptr_t),
    .arch = MEMTRACE_ARCH_ID,
    .abi = MEMTRACE_ABI_ID,
    .version = MEMTRACE_FORMAT_VERSION,
    .header_size = sizeof(struct memtrace_header),
    .event_size = sizeof(memtrace_event),
    .size_bits = SIZE_BITS,
    .stack_bits = STACK_BITS,
    .context_bits = CONTEXT_BITS,
    .time_bits = TIME_BITS,
    .seq_bits = SEQ_BITS,
    .core_bits = MEMTRACE_CORE_BITS,
};

/* What the header says of its tables, in its order: they are copied in one piece. Their places have the reverse one. */
struct tables {
    struct memtrace_table events, stacks, stack_index, live, names;
};

_Static_assert(offsetof(struct memtrace_header, names) ==
                   offsetof(struct memtrace_header, events) + offsetof(struct tables, names),
               "the header's order");

static struct memtrace_table table_behind(struct memtrace_table before, uint32_t entry_size, uint32_t count)
{
    return (struct memtrace_table){before.offset + before.entry_size * before.count, entry_size, count};
}

/* Every table's place and entries, events in what is left; false: those are too few, or another table is too small or surely too
 * large. None is so large that their sum would not fit. */
static bool tables_place(struct tables *tables, size_t bytes, const struct memtrace_config *config)
{
    size_t stack_bytes = config->stack_bytes != 0 ? config->stack_bytes : bytes / 4;
    uint32_t names = config->names != 0 ? config->names : NAMES_DEFAULT;
    if (stack_bytes < STACK_BYTES_MIN || (MEMTRACE_LIVE && config->live > bytes / sizeof(memtrace_live)) ||
        names - MEMTRACE_CONTEXT_FIRST_TASK > NAMES_MAX - MEMTRACE_CONTEXT_FIRST_TASK)
        return false;
    if (stack_bytes > STACK_BYTES_MAX)
        stack_bytes = STACK_BYTES_MAX;
    uint32_t live = MEMTRACE_LIVE ? config->live & ~(LIVE_WAYS - 1u) : 0u;
    uint32_t words = (uint32_t)(stack_bytes / sizeof(memtrace_word));
    tables->names = (struct memtrace_table){offsetof(struct recorder, names), sizeof(struct memtrace_name), names};
    tables->live = table_behind(tables->names, sizeof(memtrace_live), live);
    tables->stack_index = table_behind(tables->live, sizeof(uint32_t), words / INDEX_WORDS & EVEN);
    tables->stacks = table_behind(tables->stack_index, sizeof(memtrace_word), words);
    tables->events = table_behind(tables->stacks, sizeof(memtrace_event), 0);
    if (tables->events.offset + EVENTS_MIN * sizeof(memtrace_event) > bytes)
        return false;
    tables->events.count = (uint32_t)(bytes - tables->events.offset) / (uint32_t)sizeof(memtrace_event);
    return true;
}

/* Word 0 of the arena is a stack of no depth, and the PC behind it must be none. The fixed contexts have
 * keys, for the quick way, and no names: a reader knows them. */
static void recorder_fill(struct recorder *ring, const struct tables *tables)
{
    struct memtrace_header *header = &ring->header;
    char *base = (char *)ring;
    memcpy(header, &ring_description, sizeof ring_description);
    header->self = (uintptr_t)header;
    header->total_size = tables->events.offset + tables->events.count * (uint32_t)sizeof(memtrace_event);
    header->tick_hz = MEMTRACE_PORT_TICK_HZ;
    memtrace_port_build_id(header->build_id);
    memcpy(base + offsetof(struct memtrace_header, events), tables, sizeof *tables);
    header->stack_words_used = 2;
    if (MEMTRACE_FILTERS)
        memset(&header->heap_mask, 0xff, sizeof header->heap_mask + sizeof header->context_mask);
    if (frames_region() != 0)
        header->code_region = (uint32_t)frames_region();
    ring->states = (memtrace_word *)(void *)(base + tables->events.offset) + STATE_WORD;
    ring->arena = (memtrace_word *)(void *)(base + tables->stacks.offset);
    ring->stack_index = (uint32_t *)(void *)(base + tables->stack_index.offset);
    ring->index_limit = tables->events.count << MEMTRACE_LAP_BITS;
    if (MEMTRACE_QUICK) {
        *name_key(&ring->names[MEMTRACE_CONTEXT_ISR]) = MEMTRACE_CONTEXT_ISR;
        *name_key(&ring->names[MEMTRACE_CONTEXT_OTHER]) = WORD_ONES;
    }
}

bool memtrace_init(void *memory, size_t bytes, const struct memtrace_config *config)
{
    struct memtrace_config wanted = {0};
    struct tables tables; /* made here: what is refused leaves the memory as it was */
    struct recorder *ring = memory;
    if (memory == NULL || (uintptr_t)memory % 8u != 0)
        return false;
    if (bytes > MEMORY_MAX)
        bytes = MEMORY_MAX;
    if (config != NULL)
        wanted = *config;
    if (!tables_place(&tables, bytes, &wanted))
        return false;
    memtrace_ring = NULL;
    memset(memory, 0, bytes);
    recorder_fill(ring, &tables);
    stores_order();
    *(volatile uint8_t *)ring->header.magic = MEMTRACE_MAGIC_FIRST;
    PLACE_PUBLISH(&memtrace_ring, &ring->header);
    return true;
}
