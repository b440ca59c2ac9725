/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <nuttx/arch.h>
#include <stdlib.h>

void _assert(const char *filename, int linenum, const char *msg, void *regs)
{
    (void)filename;
    (void)linenum;
    (void)msg;
    (void)regs;
    up_stop();
}

void abort(void)
{
    for (;;)
        up_stop();
}
