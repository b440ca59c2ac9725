/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that allocates and frees a block from each of STACKS different stacks, and then waits:
 *
 *     distinct STACKS
 *
 * Ten functions of sixteen lie on each stack. The inner five are the digits of the stack's number; so there are at most
 * 1,048,576 stacks. It prints a line when it is through, and ends when its input does: between the two its memory can be
 * looked at. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define LEVELS 10u

typedef void step(uint64_t digits, unsigned left);
static step *const functions[16];

/* A function with a frame of its own size; the second asm keeps the call from being a jump. */
#define STEP(n) \
    __attribute__((noinline)) static void step_##n(uint64_t digits, unsigned left) \
    { \
        char room[8 + 24 * n]; \
        __asm__ volatile("" : : "r"(room) : "memory"); \
        if (left == 0) { \
            void *block = malloc(24); \
            __asm__ volatile("" : : "r"(block) : "memory"); \
            free(block); \
        } else { \
            functions[digits >> 60](digits << 4, left - 1); \
        } \
        __asm__ volatile("" : : "r"(room) : "memory"); \
    } \
    static step step_##n

STEP(0);
STEP(1);
STEP(2);
STEP(3);
STEP(4);
STEP(5);
STEP(6);
STEP(7);
STEP(8);
STEP(9);
STEP(10);
STEP(11);
STEP(12);
STEP(13);
STEP(14);
STEP(15);

static step *const functions[16] = {step_0, step_1, step_2,  step_3,  step_4,  step_5,  step_6,  step_7,
                                    step_8, step_9, step_10, step_11, step_12, step_13, step_14, step_15};

int main(int argc, char **argv)
{
    unsigned long stacks = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
    for (unsigned long i = 0; i < stacks; i++) {
        functions[0]((uint64_t)i << (64 - 4 * (LEVELS - 1)), LEVELS - 1);
    }
    char byte = '\n';
    if (write(STDOUT_FILENO, &byte, 1) != 1) {
        return 1;
    }
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0;
}
