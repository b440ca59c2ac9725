/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that does little but call its allocator from deep stacks, to measure what a recorder adds:
 *
 *     descent EVENTS DEPTH sticky|hostile|new|same toss|replace THREADS
 *
 * A thread has 10,000 places. A step takes one at random, goes DEPTH calls down from where it began, by a path through
 * sixteen functions whose frames differ in size, and there does one of two things:
 *
 * toss      free what is in the place, or put a block into it: one event
 * replace   free what is in the place, and put a block into it: two events
 *
 * The ways of the paths:
 *
 * sticky    one of 500 paths, another one every 20th step on average; each path has outer frames of an earlier one
 * hostile   one of 500 paths, another one at each step; each frame of each path is chosen at random
 * new       each frame of each step is chosen at random: hardly a stack comes twice
 * same      one path
 *
 * A block's size is fixed by the path. It prints how many blocks it allocated and freed. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 10000
#define PATHS 500
#define DEEPEST 64
#define MOST_THREADS 64

/* The way down: which function is called at each level, and what is done at the end. */
struct path {
    uint8_t steps[DEEPEST];
    size_t size;
};

struct worker {
    void *places[PLACES];
    uint64_t random; /* state of the generator */
    unsigned long steps, allocated, freed;
};

typedef void step(const uint8_t *steps, unsigned left, void **place, size_t size);
static step *const functions[16];

static bool replaces;

static void turn(void **place, size_t size)
{
    bool was_full = *place != NULL;
    if (was_full) {
        free(*place);
        *place = NULL;
    }
    if (!was_full || replaces) {
        *place = malloc(size);
    }
}

/* A function with a frame of its own size; the second asm keeps the call from being a jump. */
#define STEP(n) \
    __attribute__((noinline)) static void step_##n(const uint8_t *steps, unsigned left, void **place, size_t size) \
    { \
        char room[8 + 24 * n]; \
        __asm__ volatile("" : : "r"(room) : "memory"); \
        if (left == 0) { \
            turn(place, size); \
        } else { \
            functions[*steps](steps + 1, left - 1, place, size); \
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

static struct path paths[PATHS];
static struct worker workers[MOST_THREADS];
static unsigned depth;
static unsigned stay; /* events from one path, on average; 0: the path never changes */
static bool is_new, has_shared_frames;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void steps_choose(uint8_t *steps, unsigned from, uint64_t *random)
{
    uint64_t digits = 0;
    for (unsigned level = from; level < depth; level++) {
        digits = (level - from) % 12 == 0 ? next_random(random) >> 8 : digits >> 4;
        steps[level] = digits & 15u;
    }
}

static void paths_make(void)
{
    uint64_t random = 88172645463325252u;
    for (unsigned i = 0; i < PATHS; i++) {
        unsigned shared = 0;
        if (i > 0 && has_shared_frames) {
            memcpy(paths[i].steps, paths[(next_random(&random) >> 16) % i].steps, depth);
            shared = depth / 4 + (unsigned)((next_random(&random) >> 16) % (depth - depth / 4));
        }
        steps_choose(paths[i].steps, shared, &random);
        paths[i].size = 16 + i * 37u % 1000;
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct path own = paths[0];
    for (unsigned long i = 0; i < worker->steps; i++) {
        uint64_t random = next_random(&worker->random);
        void **place = &worker->places[random % PLACES];
        if (is_new) {
            steps_choose(own.steps, 0, &worker->random);
            own.size = 16 + own.steps[0] * 37u;
        } else if (stay != 0 && (random >> 20) % stay == 0) {
            own = paths[(random >> 40) % PATHS];
        }
        worker->freed += *place != NULL;
        worker->allocated += *place == NULL || replaces;
        functions[own.steps[0]](own.steps + 1, depth - 1, place, own.size);
    }
    return NULL;
}

static void work_all(unsigned count)
{
    pthread_t threads[MOST_THREADS];
    for (unsigned i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) {
            abort();
        }
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

static bool arguments_read(int argc, char **argv, unsigned *count)
{
    if (argc != 6) {
        return false;
    }
    depth = (unsigned)strtoul(argv[2], NULL, 0);
    is_new = strcmp(argv[3], "new") == 0;
    has_shared_frames = strcmp(argv[3], "sticky") == 0;
    stay = has_shared_frames ? 20 : strcmp(argv[3], "hostile") == 0;
    replaces = strcmp(argv[4], "replace") == 0;
    *count = (unsigned)strtoul(argv[5], NULL, 0);
    return depth >= 1 && depth <= DEEPEST && *count >= 1 && *count <= MOST_THREADS;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    if (!arguments_read(argc, argv, &count)) {
        return 2;
    }
    paths_make();
    for (unsigned i = 0; i < count; i++) {
        workers[i].steps = strtoul(argv[1], NULL, 0) / count / (replaces ? 2 : 1);
        workers[i].random = 88172645463325252u * (2 * i + 1);
    }
    if (count == 1) {
        work(&workers[0]); /* no other thread is ever there */
    } else {
        work_all(count);
    }
    unsigned long allocated = 0, freed = 0;
    for (unsigned i = 0; i < count; i++) {
        allocated += workers[i].allocated;
        freed += workers[i].freed;
    }
    printf("%lu allocated, %lu freed\n", allocated, freed);
    return 0;
}
