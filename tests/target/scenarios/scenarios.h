/* SPDX-License-Identifier: Apache-2.0
 *
 * The scenarios: each a bug (or none) with a known end. Tests find lines by their comment `LINE: name`, so such a line must hold
 * its whole statement.
 */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"

/* A frame of its own in every build: never inlined, cloned or merged. */
#define SCENARIO __attribute__((noipa))

/* Some 30 blocks that live on, three small holes, and events that make the ring wrap. Every block of at least SCENARIO_SIZE bytes
 * asked for afterwards lies right behind the one before it. */
#define SCENARIO_SIZE 64
void traffic_run(void);
void traffic_rounds(unsigned rounds);

/* Ends the run unless `right` is the block right behind `left` of `size` bytes: the scenario would tell a lie. */
void neighbours_expect(const void *left, size_t size, const void *right);

/* A deterministic stream of numbers. */
uint32_t random_next(uint32_t *state);

void test_used_after_free(void);
void test_clean(void);
void test_overflow_1(void);
void test_overflow_1_nul(void);
void test_overflow_4(void);
void test_overflow_16(void);
void test_handlers(void);
void test_realloc_overflow(void);
void test_header_zeroed(void);
void test_underflow_1(void);
void test_underflow_2(void);
void test_uaf_links(void);
void test_uaf_links_text(void);
void test_double_free(void);
void test_double_free_late(void);
void test_dma(void);
void test_stray(void);
void test_stray_assert(void);
void test_overwritten(void);
void test_unseen_free(void);
void test_shared(void);
void test_joined(void);
void test_wrong_heap(void);
void test_inner_free(void);
void test_reused(void);
void test_leak(void);
void test_exhaustion(void);
void test_random(void);
void test_endless(void);
void test_two_heaps(void);
void test_two_heaps_overflow(void);
void test_isr(void);
void test_isr_overflow(void);
void test_isr_few(void);
void test_tasks(void);
void test_tasks_overflow(void);
void test_inlined(void);
void test_callers(void);
void test_step(void);
void test_kernel(void);
void test_smp(void);
void test_console(void); /* in console/, for the variants that have it */
void test_bench(void);
void test_bench_off(void);

#endif
