/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

void __assert(const char *filename, int linenum, const char *msg)
{
    _assert(filename, linenum, msg, NULL);
    abort();
}
