/* SPDX-License-Identifier: Apache-2.0
 *
 * What the firmware's own files share, and what tests set and read by symbol.
 */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which scenario runs. A debugger may write it before app_main; the emulator's `-append scenario=NAME` overrides it. */
extern char scenario_name[32];

/* How the ring is laid out; a debugger may write it before main runs, and `-append "ring=BYTES live=ENTRIES"` overrides it. 0
 * bytes: what the scenario asks for. */
struct ring_setup {
    uint32_t bytes;
    uint32_t stack_bytes;
    uint32_t names;
    uint32_t live;
};
extern struct ring_setup ring_setup;

/* Reads the emulator's `name` (with its '='), up to the next blank, into `text`, if it was given and fits. */
void argument_text(const char *name, char *text, size_t bytes);

/* Reads the emulator's `name` (with its '=') into `number`, if it was given. */
void argument_number(const char *name, uint32_t *number);

/* The end of every scenario that no assertion ends: a place for a breakpoint. Empty. */
void scenario_done(void);

void app_main(void);

/* Sends the recorder's events to where this build has its log: a file of sinks/. */
bool sink_begin(void);
void sink_poll(void);

#ifdef MEMTRACE_TEST_BENCH
/* Instructions that one call of the recorder took, and how many frames its stack had. */
struct bench_sample {
    uint16_t instructions; /* the call, its arguments, and bench_overhead for reading the counter */
    uint8_t kind;          /* enum memtrace_kind */
    uint8_t depth;         /* frames up to the root of the stack */
};

enum { BENCH_SAMPLES = 20000 };
extern struct bench_sample bench_samples[BENCH_SAMPLES];
extern uint32_t bench_count;
extern uint8_t bench_depth;     /* 0: not measured now */
extern uint32_t bench_overhead; /* instructions between two reads of the counter with nothing in between */
extern uint32_t bench_within;   /* with the wrapper: what the allocator itself took since this was set to 0 */
extern uint32_t bench_counting; /* instructions that counting this once costs beside what it counts */
void bench_note(uint32_t instructions, unsigned kind);
void bench_calibrate(void);
#endif

#endif
