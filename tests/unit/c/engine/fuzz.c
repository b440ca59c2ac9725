/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine under libFuzzer, ASan and UBSan. The first eight bytes of an input say what is asked, how the log is cut, and
 * which allocation fails; the log follows. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 8, MOST_PIECE = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t count);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

static unsigned allocations_left; /* 0: there is always memory */

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    if (allocations_left != 0 && --allocations_left == 0) {
        allocations_left = 1; /* and none from here on */
        return NULL;
    }
    return __real_aligned_alloc(alignment, bytes);
}

static enum engine_answer group(void *context, struct engine *engine, const struct owner *owner, const uint64_t *pcs,
                                size_t count)
{
    const uint8_t *head = context;
    size_t at;
    if (owner->stack % 16 == 15) {
        return head[5] & 1 ? ENGINE_FAILED : ENGINE_NO;
    }
    for (at = 0; at < count && at < 4; at++) {
        const enum engine_answer answer = engine_add_node(engine, (pcs[at] + at) % 64);
        if (answer != ENGINE_YES) {
            return answer;
        }
    }
    return ENGINE_YES;
}

static enum engine_answer passes(void *context, const struct owner *owner, const uint64_t *pcs, size_t count)
{
    (void)context;
    return owner->heap == 7 ? ENGINE_FAILED : count != 0 && pcs[0] % 2 ? ENGINE_YES : ENGINE_NO;
}

static enum engine_answer unpack(void *context, const unsigned char *packed, size_t count, unsigned char *made,
                                 size_t size)
{
    (void)context;
    if (count > size || count == 0) {
        return ENGINE_NO;
    }
    memset(made, packed[0], size);
    memcpy(made, packed, count);
    return ENGINE_YES;
}

static struct moment moment_of(unsigned bits)
{
    struct moment moment = {.kind = (enum moment_kind)(bits & 3), .value = bits >> 2, .name = "m", .name_bytes = 1};
    return moment;
}

static void finish(struct engine *engine)
{
    int64_t at_peak = 0;
    size_t at;
    if (engine_finish(engine) == ENGINE_GOOD) {
        for (at = 0; at < engine->owners.use_count; at++) {
            at_peak += engine->owners.uses[at].at_peak_bytes;
        }
        if (at_peak != engine->totals.peak_bytes) {
            abort();
        }
    }
    engine_delete(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t count)
{
    struct wish wish = {.most = UINT64_MAX,
                        .tail_kinds = UINT32_MAX,
                        .tail_most = UINT64_MAX,
                        .tail_high = UINT64_MAX,
                        .tail_last = UINT64_MAX,
                        .multiplier = 0x9E3779B97F4A7C15u,
                        .run_number = 2};
    uint8_t head[HEAD];
    const struct engine_calls calls = {head, group, passes, unpack};
    struct engine *engine;
    size_t at, piece;
    if (count < HEAD) {
        return 0;
    }
    memcpy(head, input, HEAD);
    wish.run = (enum run_wish)(head[0] % 3);
    wish.is_tracking = head[0] & 8;
    wish.track = 0x10a0;
    wish.tail = head[0] >> 4;
    wish.since = moment_of(head[1]);
    wish.until = moment_of(head[2]);
    wish.least = head[3] & 15;
    allocations_left = head[4];
    piece = head[6] == 255 ? SIZE_MAX : 1 + (size_t)head[6] * 16 % MOST_PIECE;
    engine = engine_new(&wish, &calls);
    for (at = HEAD; engine != NULL && at < count; at += piece) {
        piece = piece < count - at ? piece : count - at;
        engine_feed(engine, input + at, piece);
    }
    if (engine != NULL) {
        finish(engine);
    }
    return 0;
}
