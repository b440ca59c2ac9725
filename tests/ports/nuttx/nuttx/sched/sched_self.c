/* SPDX-License-Identifier: Apache-2.0 */
#include "sched.h"

struct tcb_s *nxsched_self(void)
{
    return g_readytorun.head;
}
