/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that allocate, reallocate and free at random, also each other's blocks, and count what they do:
 *
 *     storm THREADS OPERATIONS [COUNTERS [KILL_AT]]
 *
 * It prints allocations, frees, bytes asked for, and blocks that were left. COUNTERS is a file: each thread keeps there how many events it has had,
 * a word of 8 bytes each; so they outlive it. At KILL_AT events of the first thread, the process kills itself by SIGKILL. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PLACES 4096
#define MOST 64

struct counted {
    uint64_t allocations, frees, bytes;
};

static void *places[PLACES]; /* a thread takes what is there, and leaves something else */
static struct counted totals[MOST];
static volatile uint64_t *counters;
static uint64_t own_counters[MOST];
static unsigned long operations, kill_at;

static uint32_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void event_count(size_t thread)
{
    counters[thread]++;
    if (thread == 0 && counters[0] == kill_at)
        kill(getpid(), SIGKILL);
}

static void *take(struct counted *counted, size_t thread, size_t size)
{
    void *block = size % 5 == 0 ? calloc(1, size) : malloc(size);
    event_count(thread);
    counted->allocations++;
    counted->bytes += size;
    return block;
}

static void *run(void *argument)
{
    size_t thread = (size_t)argument;
    uint64_t state = thread + 1;
    struct counted counted = {0, 0, 0};
    for (unsigned long i = 0; i < operations; i++) {
        size_t size = 1 + random_next(&state) % 700;
        void **place = &places[random_next(&state) % PLACES];
        void *block = __atomic_exchange_n(place, NULL, __ATOMIC_ACQ_REL);
        if (block != NULL && size % 3 == 0) {
            void *moved = realloc(block, size); /* one that ends and one that begins */
            block = moved != NULL ? moved : block;
            event_count(thread);
            event_count(thread);
            counted.allocations++, counted.frees++, counted.bytes += size;
        } else if (block != NULL) {
            free(block);
            event_count(thread);
            counted.frees++;
            continue;
        } else {
            block = take(&counted, thread, size);
        }
        void *other = __atomic_exchange_n(place, block, __ATOMIC_ACQ_REL);
        if (other != NULL) {
            free(other);
            event_count(thread);
            counted.frees++;
        }
    }
    totals[thread] = counted;
    return NULL;
}

int main(int count, char **words)
{
    size_t threads = count > 1 ? strtoul(words[1], NULL, 10) : 1;
    operations = count > 2 ? strtoul(words[2], NULL, 10) : 1000;
    counters = own_counters;
    if (count > 3) {
        int file = open(words[3], O_RDWR | O_CREAT, 0666);
        if (file < 0 || ftruncate(file, sizeof own_counters) != 0)
            return 1;
        counters = mmap(NULL, sizeof own_counters, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    kill_at = count > 4 ? strtoul(words[4], NULL, 10) : 0;
    pthread_t started[MOST];
    for (size_t i = 1; i < threads && i < MOST; i++)
        pthread_create(&started[i], NULL, run, (void *)i);
    run(NULL);
    struct counted all = totals[0];
    for (size_t i = 1; i < threads && i < MOST; i++) {
        pthread_join(started[i], NULL);
        all.allocations += totals[i].allocations, all.frees += totals[i].frees, all.bytes += totals[i].bytes;
    }
    unsigned long left = 0;
    for (size_t i = 0; i < PLACES; i++)
        left += places[i] != NULL;
    printf("%llu %llu %llu %lu\n", (unsigned long long)all.allocations, (unsigned long long)all.frees,
           (unsigned long long)all.bytes, left);
    fflush(stdout);
    _exit(0); /* nothing of the C library's end is counted */
}
