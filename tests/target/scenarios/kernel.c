/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks in the lists of a kernel, each with a block that only its stack leads to: one whose task sleeps, one whose task is
 * suspended, one whose task runs. Three more have lost their last pointer: it stands where a stack once reached to, and on the
 * stack of a task that has ended. Each block is known by the function that made it.
 */
#include "board.h"
#include "firmware.h"
#include "scenarios.h"
#include "tasks.h"

enum { DEEP = 192 };

#define MAKER(name, bytes) \
    SCENARIO static void *name(void) \
    { \
        return malloc(bytes); \
    }

MAKER(packet_create, 48)
MAKER(sample_create, 56)
MAKER(job_create, 72)
MAKER(stale_create, 80)
MAKER(scrap_create, 88)
MAKER(orphan_create, 104)

static const volatile unsigned far_end = 1; /* not known to the compiler */

/* Leaves the result of `make` far below the caller's frame, and nowhere else: another call takes the registers. */
SCENARIO static void leave_behind(void *(*make)(void))
{
    void *volatile far_below[DEEP];
    far_below[far_end] = make();
    (void)far_below[far_end];
    free(NULL);
}

SCENARIO static void net_main(void)
{
    void *volatile packet = packet_create();
    leave_behind(stale_create);
    kernel_delay();
    free(packet);
}

SCENARIO static void sensor_main(void)
{
    void *volatile sample = sample_create();
    kernel_suspend();
    free(sample);
}

SCENARIO static void gone_main(void)
{
    void *volatile orphan = orphan_create();
    kernel_delete();
    free(orphan);
}

SCENARIO static void worker_main(void)
{
    void *volatile job = job_create();
    leave_behind(scrap_create);
    scenario_done();
    free(job);
    board_exit(BOARD_PASSED);
}

SCENARIO void test_kernel(void)
{
    kernel_create("worker", 1, worker_main);
    kernel_create("net", 3, net_main);
    kernel_create_static("sensor", 2, sensor_main);
    kernel_create("gone", 2, gone_main);
    kernel_start();
}
