/* SPDX-License-Identifier: Apache-2.0 */
#include "sched.h"

void nxsched_foreach(nxsched_foreach_t handler, void *arg)
{
    for (int i = 0; i < g_npidhash; i++) {
        if (g_pidhash[i] != NULL)
            handler(g_pidhash[i], arg);
    }
}
