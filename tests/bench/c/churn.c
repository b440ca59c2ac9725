/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a log of random allocations and frees to stdout, as fast as a pipe takes it.
 *
 *     churn FORM EVENTS LIVE STACKS
 *
 * FORM is rows32, rows64, packs32 or heaptrack: the same events in each. About LIVE blocks are live. The size is fixed by the
 * stack: heaptrack_interpret 1.4 needs gigabytes otherwise. Stacks are eight frames deep and share the outer ones. */
#include "memtrace_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 8, TASKS = 8, SYNC_EVERY = 1000, FIRST_CONTEXT = 3, BASE = 0x400000, HEAP = 0x20000000 };

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t most)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) * most >> 32);
}

static uint32_t frame(uint32_t stack, uint32_t depth)
{
    uint32_t at, spread = 1;
    for (at = 0; at < depth; at++) {
        spread *= 3;
    }
    return BASE + 0x1000 * depth + 16 * (stack / spread);
}

static uint32_t size_of(uint32_t stack)
{
    return 16 + stack * 37 % 2000;
}

static unsigned width; /* bytes of a word; 0: heaptrack */

/* A pack that fills: all planes in full. */
enum { PACKED = 65536, PLANES = 17 };
static unsigned char columns[PLANES][PACKED];
static uint32_t packed;

static void write_row(uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
{
    const uint64_t wide[4] = {w0, w1, w2, w3};
    const uint32_t narrow[4] = {(uint32_t)w0, (uint32_t)w1, (uint32_t)w2, (uint32_t)w3};
    fwrite(width == 8 ? (const void *)wide : (const void *)narrow, 4 * width, 1, stdout);
}

static void write_header(void)
{
    struct memtrace_header header = {.magic = {MEMTRACE_MAGIC_FIRST, MEMTRACE_MAGIC_REST},
                                     .byte_order = MEMTRACE_LITTLE,
                                     .version = MEMTRACE_FORMAT_VERSION,
                                     .header_size = sizeof header,
                                     .flags = MEMTRACE_FLAG_LOG,
                                     .core_bits = MEMTRACE_CORE_BITS,
                                     .required = MEMTRACE_REQUIRED_PACKS,
                                     .tick_hz = 1000000};
    header.pointer_size = (uint8_t)width;
    header.event_size = (uint8_t)(4 * width);
    header.size_bits = (uint8_t)(8 * width - MEMTRACE_HEAP_BITS);
    header.stack_bits = width == 8 ? MEMTRACE_STACK_BITS_64 : MEMTRACE_STACK_BITS_32;
    header.context_bits = width == 8 ? MEMTRACE_CONTEXT_BITS_64 : MEMTRACE_CONTEXT_BITS_32;
    header.time_bits = width == 8 ? MEMTRACE_TIME_BITS_64 : MEMTRACE_TIME_BITS_32;
    header.seq_bits = width == 8 ? MEMTRACE_SEQ_BITS_64 : MEMTRACE_SEQ_BITS_32;
    fwrite(&header, sizeof header, 1, stdout);
}

static void write_stacks(uint32_t stacks)
{
    uint32_t stack, depth;
    for (stack = 0; stack < stacks; stack++) {
        const uint64_t bytes = (uint64_t)DEPTH * width;
        write_row(stack + 1, bytes, 0, MEMTRACE_DEF_STACK);
        for (depth = 0; depth < DEPTH; depth += 4) {
            write_row(frame(stack, depth), frame(stack, depth + 1), frame(stack, depth + 2), frame(stack, depth + 3));
        }
    }
}

static void write_event(uint64_t seq, uint32_t kind, uint64_t address, uint64_t size, uint32_t stack)
{
    const unsigned stack_at = width == 8 ? 32 : 16, seq_bits = width == 8 ? 28 : 12;
    const uint64_t mask = (1u << seq_bits) - 1;
    if (seq % SYNC_EVERY == 0) {
        write_row(seq & UINT32_MAX, seq >> 32, seq, MEMTRACE_SYNC | (seq & mask) << 8);
    }
    write_row(address, size, (stack % TASKS + FIRST_CONTEXT) | (uint64_t)stack << stack_at,
              kind | (seq & mask) << 8 | (seq & mask) << (8 + seq_bits));
}

static void write_pack(uint64_t first)
{
    const struct memtrace_pack head = {first, first ? first - 1 : 0, (1u << PLANES) - 1, MEMTRACE_PLAIN,
                                       PLANES * packed};
    const uint32_t bytes = (uint32_t)sizeof head + PLANES * packed;
    uint32_t plane;
    write_row(packed, bytes, 0, MEMTRACE_PACK);
    fwrite(&head, sizeof head, 1, stdout);
    for (plane = 0; plane < PLANES; plane++) {
        fwrite(columns[plane], 1, packed, stdout);
    }
    fwrite((const char[16]){0}, 1, -bytes % 16, stdout);
    packed = 0;
}

/* Adds an event to the pack. Its time is one after that of the event before. */
static void pack_event(uint64_t seq, uint32_t kind, uint64_t address, uint64_t size, uint32_t stack)
{
    const uint32_t words[3] = {(uint32_t)address, (uint32_t)size, (stack % TASKS + FIRST_CONTEXT) | stack << 16};
    uint32_t plane;
    for (plane = 0; plane < 12; plane++) {
        columns[plane][packed] = (unsigned char)(words[plane / 4] >> plane % 4 * 8);
    }
    columns[12][packed] = (unsigned char)kind;
    columns[13][packed] = 1;
    if (++packed == PACKED) {
        write_pack(seq + 1 - PACKED);
    }
}

/* heaptrack's own form: an exe, then numbered traces of (instruction, caller's trace), innermost last. */
static void write_traces(uint32_t stacks, uint32_t *trace)
{
    uint32_t stack, depth, count = 0;
    printf("v 10400 3\nx 9 /bin/true\nX churn\nI 1000 100000\nm 1 -\n");
    for (stack = 0; stack < stacks; stack++) {
        uint32_t parent = 0;
        for (depth = DEPTH; depth-- > 0;) {
            printf("t %x %x\n", frame(stack, depth), parent);
            parent = ++count;
        }
        trace[stack] = parent;
    }
}

static void write_text(uint32_t kind, uint64_t address, uint64_t size, uint32_t trace, uint64_t seq)
{
    if (kind == MEMTRACE_ALLOC) {
        printf("+ %llx %x %llx\n", (unsigned long long)size, trace, (unsigned long long)address);
    } else {
        printf("- %llx\n", (unsigned long long)address);
    }
    if (seq % 100000 == 0) {
        printf("c %llx\n", (unsigned long long)(seq / 1000));
    }
}

int main(int count, char **words)
{
    const uint64_t events = count == 5 ? strtoull(words[2], NULL, 10) : 0;
    const uint32_t slots = count == 5 ? 2 * (uint32_t)atoi(words[3]) : 0,
                   stacks = count == 5 ? (uint32_t)atoi(words[4]) : 0;
    uint32_t *owner = calloc(slots, sizeof *owner), *trace = calloc(stacks, sizeof *trace), slot, kind;
    uint64_t seq;
    if (owner == NULL || trace == NULL || slots == 0 || stacks == 0) {
        return 2;
    }
    width = strcmp(words[1], "rows64") == 0 ? 8 : strcmp(words[1], "heaptrack") == 0 ? 0 : 4;
    setvbuf(stdout, NULL, _IOFBF, 1 << 20);
    if (width != 0) {
        write_header();
        write_stacks(stacks);
    } else {
        write_traces(stacks, trace);
    }
    for (seq = 0; seq < events; seq++) {
        slot = random_below(slots);
        kind = owner[slot] ? MEMTRACE_FREE : MEMTRACE_ALLOC;
        owner[slot] = owner[slot] ? 0 : 1 + random_below(stacks);
        if (strcmp(words[1], "packs32") == 0) {
            pack_event(seq, kind, HEAP + (uint64_t)slot * 80, owner[slot] ? size_of(owner[slot]) : 0,
                       owner[slot] ? owner[slot] : 1);
        } else if (width != 0) {
            write_event(seq, kind, HEAP + (uint64_t)slot * 80, owner[slot] ? size_of(owner[slot]) : 0,
                        owner[slot] ? owner[slot] : 1);
        } else {
            write_text(kind, HEAP + (uint64_t)slot * 80, owner[slot] ? size_of(owner[slot]) : 0,
                       owner[slot] ? trace[owner[slot] - 1] : 0, seq);
        }
    }
    if (packed != 0) {
        write_pack(events - packed);
    }
    free(owner);
    free(trace);
    return fflush(stdout) != 0;
}
