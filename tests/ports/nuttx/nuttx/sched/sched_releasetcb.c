/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "sched.h"

int nxsched_release_tcb(struct tcb_s *tcb, uint8_t ttype)
{
    (void)ttype;
    g_pidhash[tcb->pid & (g_npidhash - 1)] = NULL;
    free(tcb->stack_alloc_ptr);
    free(tcb);
    return 0;
}
