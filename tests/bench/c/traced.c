/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that allocates and frees all the time:
 *
 *     traced STEPS STAY replace|toss
 *
 * It has 10,000 places, 512 stacks, and a size that is fixed by the stack; it allocates from one stack for some STAY
 * steps, then from another. A step frees what is in a place and puts a new block there (replace), or does what can be
 * done with the place: frees or allocates (toss). The stacks are real calls: three functions of eight, by the digits of the stack's number. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 10000
/* A function, and a declaration of it, which takes the semicolon behind the macro. */
#define STEP(n) \
    __attribute__((noinline)) static void *step_##n(unsigned digits, unsigned left, size_t size) \
    { \
        void *block = left == 0 ? malloc(size) : steps[digits & 7u](digits >> 3, left - 1, size); \
        __asm__ volatile("" ::: "memory"); /* no tail call: the frame stays */ \
        return block; \
    } \
    static step step_##n

typedef void *step(unsigned digits, unsigned left, size_t size);
static step *const steps[8];

STEP(0);
STEP(1);
STEP(2);
STEP(3);
STEP(4);
STEP(5);
STEP(6);
STEP(7);

static step *const steps[8] = {step_0, step_1, step_2, step_3, step_4, step_5, step_6, step_7};

int main(int argc, char **argv)
{
    static void *places[PLACES];
    unsigned long calls = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
    unsigned long stay = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
    uint64_t random = 88172645463325252u;
    bool replaces = argc > 3 && strcmp(argv[3], "replace") == 0;
    unsigned stack = 0;
    for (unsigned long i = 0; i < calls; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        void **place = &places[random % PLACES];
        stack = (random >> 20) % stay == 0 ? (unsigned)(random >> 40) & 511u : stack;
        bool was_full = *place != NULL;
        free(*place);
        *place = NULL;
        if (replaces || !was_full) {
            *place = steps[stack & 7u](stack >> 3, 2, 16 + (stack * 37u) % 400u);
        }
    }
    return 0;
}
