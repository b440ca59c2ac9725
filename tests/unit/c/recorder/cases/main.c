/* SPDX-License-Identifier: Apache-2.0
 *
 * recorder_test CASE runs one case, `recorder_test` lists them. tests/unit/test_recorder_host.py builds and drives it.
 */
#include <string.h>

#include "cases.h"
#include "world.h"

#define CASE(name) \
    { \
#name, test_##name \
    }

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    CASE(alloc_and_free),
    CASE(alloc_failed),
    CASE(caller_unknown),
    CASE(alloc_of_nothing),
    CASE(realloc),
    CASE(realloc_of_nothing),
    CASE(realloc_that_failed),
    CASE(mark),
    CASE(control_events),
    CASE(size_capped),
    CASE(header),
    CASE(cores),
    CASE(stack_of_many_frames),
    CASE(stack_is_stored_once),
    CASE(stacks_of_one_hash),
    CASE(stack_prefixes),
    CASE(stacks_full),
    CASE(broken_chains),
    CASE(frame_outside),
    CASE(frame_unknown),
    CASE(own_stack),
    CASE(wrap),
    CASE(laps_wrap),
    CASE(realloc_across_wrap),
    CASE(realloc_too_far),
    CASE(head_not_turned),
    CASE(time_gaps),
    CASE(time_of_two_cores),
    CASE(time_beyond_32_bits),
    CASE(stop_and_start),
    CASE(frees_only),
    CASE(requests),
    CASE(request_is_done_last),
#if MEMTRACE_FILTERS
    CASE(filter_size),
    CASE(filter_heaps),
    CASE(filter_tasks),
#endif
    CASE(assert),
    CASE(null_texts),
    CASE(before_init),
    CASE(init_refusals),
    CASE(init_refused_again),
    CASE(init_sizes),
    CASE(contexts),
    CASE(contexts_full),
    CASE(task_deleted),
    CASE(no_task_deleted),
    CASE(marks_full),
#if MEMTRACE_LIVE
    CASE(live),
    CASE(live_sequence),
    CASE(live_realloc),
    CASE(live_full),
    CASE(live_while_stopped),
#endif
    CASE(heap_names),
    CASE(tag_names),
    CASE(names_of_numbers_full),
    CASE(no_task_is_a_number),
#if MEMTRACE_TAGS
    CASE(tags),
    CASE(tags_of_tasks),
    CASE(tags_in_interrupts),
#endif
    CASE(retained),
    CASE(retained_runs_wrap),
    CASE(retained_refused),
    CASE(retained_of_another_build),
    CASE(retained_damaged),
    CASE(retained_random),
    CASE(retained_init_cut_short),
    CASE(stats),
    CASE(stats_of_many_laps),
    CASE(reset),
    CASE(reset_of_a_frozen_ring),
    CASE(reset_while_others_record),
    CASE(threads),
    CASE(threads_tiny_ring),
    CASE(threads_new_stacks),
    CASE(signals),
    CASE(interrupted_syncs),
};

int main(int count, char **arguments)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (count == 1) {
            puts(cases[i].name);
        } else if (strcmp(arguments[1], cases[i].name) == 0) {
            cases[i].run();
            ring_end();
            return 0;
        }
    }
    return count == 1 ? 0 : 2;
}
