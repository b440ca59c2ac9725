/* SPDX-License-Identifier: Apache-2.0 */
#include "reallocations.h"

#include <string.h>

_Static_assert((ENGINE_MOST_BEGUN & (ENGINE_MOST_BEGUN - 1)) == 0 && ENGINE_MOST_BEGUN < UINT16_MAX, "index + 1");

static uint16_t *reallocations_head(struct reallocations *waiting, uint64_t stream, uint64_t low)
{
    return &waiting->heads[(low ^ stream * 31) & (ENGINE_MOST_BEGUN - 1)];
}

/* Returns the link that leads to an entry, or the last link of its chain. */
static uint16_t *reallocations_link(struct reallocations *waiting, uint64_t stream, uint64_t low)
{
    uint16_t *link = reallocations_head(waiting, stream, low);
    while (*link != 0 && (waiting->begun[*link - 1].low != low || waiting->begun[*link - 1].stream != stream)) {
        link = &waiting->begun[*link - 1].same;
    }
    return link;
}

/* Takes an entry out of the order of age. */
static void reallocations_unlink(struct reallocations *waiting, const struct begun *begun)
{
    *(begun->older ? &waiting->begun[begun->older - 1].newer : &waiting->oldest) = begun->newer;
    *(begun->newer ? &waiting->begun[begun->newer - 1].older : &waiting->newest) = begun->older;
}

const struct begun *reallocations_take(struct reallocations *waiting, uint64_t stream, uint64_t low)
{
    uint16_t *link = reallocations_link(waiting, stream, low), index = *link;
    struct begun *begun;
    if (index == 0) {
        return NULL;
    }
    begun = &waiting->begun[index - 1];
    *link = begun->same;
    reallocations_unlink(waiting, begun);
    begun->same = waiting->free;
    waiting->free = index;
    return begun;
}

/* Returns the index + 1 of an entry that may be used. */
static uint16_t reallocations_unused(struct reallocations *waiting)
{
    const struct begun *oldest;
    uint16_t index;
    if (waiting->free == 0 && waiting->fresh < ENGINE_MOST_BEGUN) {
        return (uint16_t)++waiting->fresh;
    }
    if (waiting->free == 0) {
        oldest = &waiting->begun[waiting->oldest - 1];
        reallocations_take(waiting, oldest->stream, oldest->low);
    }
    index = waiting->free;
    waiting->free = waiting->begun[index - 1].same;
    return index;
}

struct begun *reallocations_add(struct reallocations *waiting, uint64_t stream, uint64_t low)
{
    struct begun *begun;
    uint16_t index, *head = reallocations_head(waiting, stream, low);
    reallocations_take(waiting, stream, low);
    index = reallocations_unused(waiting);
    begun = &waiting->begun[index - 1];
    memset(begun, 0, sizeof *begun);
    begun->stream = stream;
    begun->low = low;
    begun->same = *head;
    *head = index;
    begun->older = waiting->newest;
    *(waiting->newest ? &waiting->begun[waiting->newest - 1].newer : &waiting->oldest) = index;
    waiting->newest = index;
    return begun;
}
