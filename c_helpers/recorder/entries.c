/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries of the allocator whose events look like another one's: their wrappers say that they have fired.
 *
 * Cost: a load and a comparison, once it is known.
 */
#include "recorder.h"

void memtrace_entry_seen(enum memtrace_entry entry)
{
    struct recorder *ring = recorder_get();
    if (ring != NULL && (u32_load(&ring->header.entries) & entry) == 0)
        u32_set(&ring->header.entries, entry);
}
