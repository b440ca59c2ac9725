/* SPDX-License-Identifier: Apache-2.0
 *
 * The test cases; main.c runs one by its name.
 */
#ifndef CASES_H
#define CASES_H

/* events.c */
void test_alloc_and_free(void);
void test_alloc_failed(void);
void test_caller_unknown(void);
void test_alloc_of_nothing(void);
void test_realloc(void);
void test_realloc_of_nothing(void);
void test_realloc_that_failed(void);
void test_mark(void);
void test_control_events(void);
void test_size_capped(void);
void test_header(void);
void test_cores(void);

/* stacks.c */
void test_stack_of_many_frames(void);
void test_stack_is_stored_once(void);
void test_stacks_of_one_hash(void);
void test_stack_prefixes(void);
void test_stacks_full(void);
void test_broken_chains(void);
void test_frame_outside(void);
void test_frame_unknown(void);
void test_own_stack(void);

/* wrap.c */
void test_wrap(void);
void test_laps_wrap(void);
void test_realloc_across_wrap(void);
void test_realloc_too_far(void);
void test_head_not_turned(void);
void test_time_gaps(void);
void test_time_of_two_cores(void);
void test_time_beyond_32_bits(void);

/* control.c */
void test_stop_and_start(void);
void test_frees_only(void);
void test_requests(void);
void test_request_is_done_last(void);
void test_filter_size(void);
void test_filter_heaps(void);
void test_filter_tasks(void);
void test_assert(void);
void test_null_texts(void);
void test_before_init(void);
void test_init_refusals(void);
void test_init_refused_again(void);
void test_init_sizes(void);

/* tables.c */
void test_contexts(void);
void test_contexts_full(void);
void test_task_deleted(void);
void test_no_task_deleted(void);
void test_marks_full(void);
void test_live(void);
void test_live_sequence(void);
void test_live_realloc(void);
void test_live_full(void);
void test_live_while_stopped(void);

/* labels.c */
void test_heap_names(void);
void test_tag_names(void);
void test_names_of_numbers_full(void);
void test_no_task_is_a_number(void);
void test_tags(void);
void test_tags_of_tasks(void);
void test_tags_in_interrupts(void);

/* retained.c */
void test_retained(void);
void test_retained_runs_wrap(void);
void test_retained_refused(void);
void test_retained_of_another_build(void);
void test_retained_damaged(void);
void test_retained_random(void);
void test_retained_init_cut_short(void);

/* stats.c */
void test_stats(void);
void test_stats_of_many_laps(void);
void test_reset(void);
void test_reset_of_a_frozen_ring(void);
void test_reset_while_others_record(void);

/* concurrent.c */
void test_threads(void);
void test_threads_tiny_ring(void);
void test_threads_new_stacks(void);
void test_signals(void);
void test_interrupted_syncs(void);

#endif
