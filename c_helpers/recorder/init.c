/* SPDX-License-Identifier: Apache-2.0
 *
 * Dividing the user's memory: the recorder's own part, names, live table, stacks with their index, and events in the rest.
 *
 * Approach: a cursor walks over the descriptions of the tables, from the last to the first, and gives each its place; what does
 * not fit is refused before anything is written. The header's first bytes are copied from a constant.
 * Rejected: fixed arrays sized at compile time (the user knows his memory, not we his tables).
 * Assumptions: nobody else records while it runs.
 */
#include <string.h>

#include "frames.h"
#include "live.h"
#include "names.h"

#define NAMES_DEFAULT 32u
#define NAMES_MAX 250u
#define STACK_BYTES_MIN (64u * (uint32_t)sizeof(memtrace_word))
#define EVEN (sizeof(memtrace_word) == 8 ? ~1u : ~0u)            /* tables of 32-bit words in front of wider ones */
#define INDEX_WORDS 16u                                          /* of the arena, for each word of its index */
#define MEMORY_MAX ((size_t)EVENTS_MAX * sizeof(memtrace_event)) /* what is more stays unused */
#define STACK_BYTES_MAX \
    (sizeof(memtrace_word) == 8 ? MEMORY_MAX : (STACK_MASK & ~(memtrace_word)1) * sizeof(memtrace_word))

/* The start of struct memtrace_header but for the magic's first byte: an image of the program is no ring. */
struct description {
    uint8_t magic[8];
    uint8_t byte_order, pointer_size, arch, abi;
    uint16_t version, header_size;
    uint8_t event_size, flags, size_bits, stack_bits, context_bits, time_bits, seq_bits, core_bits;
};

_Static_assert(sizeof(struct description) == offsetof(struct memtrace_header, self), "the header's start");
_Static_assert(offsetof(struct description, event_size) == offsetof(struct memtrace_header, event_size),
               "and its order");
_Static_assert(offsetof(struct recorder, names) % 8u == 0, "tables are aligned to 8 bytes");
_Static_assert(MEMTRACE_PORT_CORES <= 1u << MEMTRACE_CORE_BITS, "cores that an event can name");
_Static_assert(STACK_BYTES_MIN / sizeof(memtrace_word) > MEMTRACE_DEPTH + 2u, "any stack fits an empty arena");

static const struct description description = {
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

/* How many entries each table has, but for the events; false: that is too few, or surely too many. */
static bool tables_count(struct memtrace_header *header, size_t bytes, const struct memtrace_config *config)
{
    size_t stack_bytes = config->stack_bytes != 0 ? config->stack_bytes : bytes / 4;
    uint32_t names = config->names != 0 ? config->names : NAMES_DEFAULT;
    if (stack_bytes < STACK_BYTES_MIN || (MEMTRACE_LIVE && config->live > bytes / sizeof(memtrace_live)) ||
        names - MEMTRACE_CONTEXT_FIRST_TASK > NAMES_MAX - MEMTRACE_CONTEXT_FIRST_TASK)
        return false;
    if (stack_bytes > STACK_BYTES_MAX)
        stack_bytes = STACK_BYTES_MAX;
    header->names.count = names;
    if (MEMTRACE_LIVE)
        header->live.count = config->live & ~(LIVE_WAYS - 1u);
    header->stacks.count = (uint32_t)(stack_bytes / sizeof(memtrace_word));
    header->stack_index.count = header->stacks.count / INDEX_WORDS & EVEN;
    return true;
}

/* Every table's place; false: too few events are left. None is so large that their sum would not fit. */
static bool tables_place(struct memtrace_header *header, uint32_t bytes)
{
    static const uint8_t sizes[] = {sizeof(memtrace_event), sizeof(memtrace_word), sizeof(uint32_t),
                                    sizeof(memtrace_live), sizeof(struct memtrace_name)};
    uint32_t at = offsetof(struct recorder, names);
    struct memtrace_table *table = &header->names;
    for (unsigned i = sizeof sizes - 1;; i--, table--) {
        table->offset = at;
        table->entry_size = sizes[i];
        if (i == 0)
            break;
        at += table->count * sizes[i];
    }
    if (at + EVENTS_MIN * sizeof(memtrace_event) > bytes)
        return false;
    header->events.count = (bytes - at) / (uint32_t)sizeof(memtrace_event);
    header->total_size = at + header->events.count * (uint32_t)sizeof(memtrace_event);
    return true;
}

/* Word 0 of the arena is a stack of no depth, and the PC behind it must be none. The fixed contexts have
 * keys, for the quick way, and no names: a reader knows them. */
static void recorder_fill(struct recorder *ring)
{
    struct memtrace_header *header = &ring->header;
    char *base = (char *)ring;
    ring->states = (memtrace_word *)(void *)(base + header->events.offset) + STATE_WORD;
    ring->arena = (memtrace_word *)(void *)(base + header->stacks.offset);
    ring->stack_index = (uint32_t *)(void *)(base + header->stack_index.offset);
    ring->index_limit = header->events.count << MEMTRACE_LAP_BITS;
    header->stack_words_used = 2;
    header->self = (uintptr_t)header;
    header->tick_hz = MEMTRACE_PORT_TICK_HZ;
    if (frames_region() != 0)
        header->code_region = (uint32_t)frames_region();
    if (MEMTRACE_FILTERS)
        memset(&header->heap_mask, 0xff, sizeof header->heap_mask + sizeof header->context_mask);
    if (MEMTRACE_QUICK) {
        *name_key(&ring->names[MEMTRACE_CONTEXT_ISR]) = MEMTRACE_CONTEXT_ISR;
        *name_key(&ring->names[MEMTRACE_CONTEXT_OTHER]) = WORD_ONES;
    }
    memtrace_port_build_id(header->build_id);
}

bool memtrace_init(void *memory, size_t bytes, const struct memtrace_config *config)
{
    static const struct memtrace_config defaults = {0};
    struct memtrace_header header; /* made here: what is refused leaves the memory as it was */
    struct recorder *ring = memory;
    if (memory == NULL || (uintptr_t)memory % 8u != 0)
        return false;
    if (bytes > MEMORY_MAX)
        bytes = MEMORY_MAX;
    memset(&header, 0, sizeof header);
    memcpy(&header, &description, sizeof description);
    if (!tables_count(&header, bytes, config != NULL ? config : &defaults) || !tables_place(&header, (uint32_t)bytes))
        return false;
    memtrace_ring = NULL;
    memset(memory, 0, bytes);
    ring->header = header;
    recorder_fill(ring);
    stores_order();
    *(volatile uint8_t *)ring->header.magic = MEMTRACE_MAGIC_FIRST;
    PLACE_PUBLISH(&memtrace_ring, &ring->header);
    return true;
}
