/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that does with devices what its arguments say, one a step, and prints what each step came to: 0, or the error's number.
 *
 * Descriptors, names of buffers (handles, ids, addresses) and maps stand in numbered places.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of the recorder, if it is there. */
void memtrace_checkpoint(const char *name) __attribute__((weak));
void memtrace_recording_start(void) __attribute__((weak));
void memtrace_recording_stop(void) __attribute__((weak));

#define FUNCTION __attribute__((noinline))
#define WORDS (sizeof(size_t) / 4)

enum { PLACES = 64, PAGE = 4096 };
static int files[PLACES];
static uint64_t names[PLACES];
static char *maps[PLACES];
static size_t map_bytes[PLACES];

/* The numbers of a step, behind its name. */
static int64_t n[4];

static unsigned long request(unsigned directions, unsigned type, unsigned number, size_t bytes)
{
    return (unsigned long)_IOC(directions, type, number, bytes);
}

#define BOTH (_IOC_READ | _IOC_WRITE)

static FUNCTION int asked(unsigned long code, void *argument)
{
    int result = ioctl(files[n[0]], code, argument); /* LINE: asked */
    __asm__ volatile("");
    return result;
}

/* --- steps: the device's place is first, what it gives second --- */

static int heap(void)
{
    uint64_t longs[3] = {(uint64_t)n[2], 0, 0};
    int result = asked(request(BOTH, 'H', 0, 24), longs);
    files[n[1]] = result == 0 ? (int)(uint32_t)longs[1] : -1;
    return result;
}

static int ion_file(void)
{
    uint64_t longs[3] = {(uint64_t)n[2], 1, 0};
    int result = asked(request(BOTH, 'I', 0, 24), longs);
    files[n[1]] = result == 0 ? (int)(uint32_t)longs[2] : -1;
    return result;
}

static int ion_alloc(void)
{
    uint32_t words[8] = {0};
    *(size_t *)words = (size_t)n[2];
    int result = asked(request(BOTH, 'I', 0, WORDS == 2 ? 32 : 20), words);
    names[n[1]] = words[WORDS == 2 ? 6 : 4];
    return result;
}

static int ion_free(void)
{
    uint32_t handle = (uint32_t)names[n[1]];
    return asked(request(BOTH, 'I', 1, 4), &handle);
}

static int ion_share_by(unsigned number)
{
    uint32_t words[2] = {(uint32_t)names[n[1]], 0};
    int result = asked(request(BOTH, 'I', number, 8), words);
    if (result == 0)
        files[n[2]] = (int)words[1];
    return result;
}

static int ion_map(void)
{
    return ion_share_by(2);
}

static int ion_share(void)
{
    return ion_share_by(4);
}

static int ion_import(void)
{
    uint32_t words[2] = {0, (uint32_t)files[n[2]]};
    int result = asked(request(BOTH, 'I', 5, 8), words);
    names[n[1]] = words[0];
    return result;
}

static int mali_by(unsigned number, size_t bytes)
{
    uint64_t longs[8] = {(uint64_t)n[2], (uint64_t)n[2], 0, (uint64_t)n[3]};
    int result = asked(request(BOTH, 0x80, number, bytes), longs);
    names[n[1]] = longs[1];
    return result;
}

static int mali(void)
{
    return mali_by(5, 32);
}

static int mali_more(void)
{
    return mali_by(59, 64);
}

static int mali_free(void)
{
    return asked(request(_IOC_WRITE, 0x80, 7, 8), &names[n[1]]);
}

static int mali_import(void)
{
    uint64_t longs[3] = {(uint64_t)n[3], (uintptr_t)&files[n[2]], 2};
    int result = asked(request(BOTH, 0x80, 22, 24), longs);
    names[n[1]] = longs[1];
    return result;
}

static int kgsl(void)
{
    size_t sizes[3] = {0, (size_t)n[2], 0};
    int result = asked(request(BOTH, 0x09, 0x2f, sizeof sizes), sizes);
    names[n[1]] = sizes[0];
    return result;
}

static int kgsl_id(void)
{
    size_t sizes[7] = {0};
    sizes[8 / sizeof(size_t)] = (size_t)n[2];
    int result = asked(request(BOTH, 0x09, 0x34, WORDS == 2 ? 48 : 28), sizes);
    names[n[1]] = *(uint32_t *)sizes;
    names[n[3]] = sizes[8 / sizeof(size_t) + 2];
    return result;
}

static int kgsl_map(void)
{
    size_t sizes[7] = {0};
    *(int *)sizes = files[n[2]];
    ((uint32_t *)sizes)[5 * WORDS] = 3;
    int result = asked(request(BOTH, 0x09, 0x15, WORDS == 2 ? 48 : 28), sizes);
    names[n[1]] = sizes[1];
    return result;
}

static int kgsl_object(void)
{
    uint64_t longs[6] = {(uint64_t)n[2], (uint64_t)n[3]};
    int result = asked(request(BOTH, 0x09, 0x45, 48), longs);
    names[n[1]] = (uint32_t)longs[4];
    return result;
}

static int kgsl_import(void)
{
    uint64_t longs[4] = {(uintptr_t)&files[n[2]], 4, 0, 3};
    int result = asked(request(BOTH, 0x09, 0x48, 32), longs);
    names[n[1]] = longs[3] >> 32;
    return result;
}

static int kgsl_free(void)
{
    size_t address = (size_t)names[n[1]];
    return asked(request(_IOC_WRITE, 0x09, 0x21, sizeof address), &address);
}

static int kgsl_id_free(void)
{
    uint32_t words[2] = {(uint32_t)names[n[1]], 0};
    return asked(request(BOTH, 0x09, 0x35, 8), words);
}

static int kgsl_object_free(void)
{
    uint64_t longs[4] = {0, 0, names[n[1]], 0};
    return asked(request(_IOC_WRITE, 0x09, 0x46, 32), longs);
}

/* --- descriptors --- */

static FUNCTION int close_file(void)
{
    return close(files[n[0]]); /* LINE: close */
}

static int copied(int copy)
{
    files[n[1]] = copy;
    return copy < 0 ? -1 : 0;
}

static int dup_file(void)
{
    return copied(dup(files[n[0]]));
}

static int dup_control(void)
{
    return copied(fcntl(files[n[0]], F_DUPFD, 0));
}

static int dup_control_exec(void)
{
    return copied(fcntl(files[n[0]], F_DUPFD_CLOEXEC, 0));
}

static int dup_over(void)
{
    return dup2(files[n[0]], files[n[1]]) < 0 ? -1 : 0;
}

static int dup_over_exec(void)
{
    return dup3(files[n[0]], files[n[1]], O_CLOEXEC) < 0 ? -1 : 0;
}

#if defined(__GLIBC__)
static int close_between(void)
{
    return close_range((unsigned)files[n[0]], (unsigned)files[n[1]], (int)n[2]);
}

static int close_from(void)
{
    closefrom(files[n[0]]);
    return 0;
}
#else
static int close_between(void)
{
    return -1;
}

static int close_from(void)
{
    return -1;
}
#endif

/* As a library does that nobody stands in for. */
static int close_unseen(void)
{
    return (int)syscall(SYS_close, files[n[0]]);
}

static int null(void)
{
    files[n[0]] = open("/dev/null", O_RDWR);
    return files[n[0]] < 0 ? -1 : 0;
}

/* --- maps --- */

static int map_at(int file, uint64_t offset)
{
    char *at = mmap(NULL, (size_t)n[2], PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)offset);
    maps[n[1]] = at;
    map_bytes[n[1]] = (size_t)n[2];
    return at == MAP_FAILED ? -1 : 0;
}

static int map(void)
{
    return map_at(files[n[0]], 0);
}

static int map_name(void)
{
    return map_at(files[n[0]], names[n[3]]);
}

static int map_id(void)
{
    return map_at(files[n[0]], names[n[3]] * PAGE);
}

static int map_over(void)
{
    void *at = mmap(maps[n[0]], (size_t)n[1], PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return at == MAP_FAILED ? -1 : 0;
}

static int unmap(void)
{
    return munmap(maps[n[0]] + n[1], n[2] == 0 ? map_bytes[n[0]] : (size_t)n[2]);
}

static int remap(void)
{
    char *at = mremap(maps[n[0]], map_bytes[n[0]], (size_t)n[1], MREMAP_MAYMOVE);
    if (at == MAP_FAILED)
        return -1;
    maps[n[0]] = at;
    map_bytes[n[0]] = (size_t)n[1];
    return 0;
}

/* --- processes and threads --- */

static int in_vfork(void)
{
    pid_t child = vfork();
    if (child == 0) {
        (void)close(files[n[0]]);
        _exit(0);
    }
    return waitpid(child, NULL, 0) == child ? 0 : -1;
}

static volatile int fires;

static void on_signal(int number)
{
    int error = errno, copy = dup(files[1]);
    (void)number;
    (void)close(copy);
    fires++;
    errno = error;
}

/* A buffer, copied and closed, over and over; its bytes tell the thread. */
static void *racer(void *argument)
{
    for (int64_t round = 0; round < n[2]; round++) {
        uint64_t longs[3] = {(uint64_t)(uintptr_t)argument, 0, 0};
        if (ioctl(files[n[0]], request(BOTH, 'H', 0, 24), longs) != 0)
            abort();
        int file = (int)(uint32_t)longs[1], copy = dup(file);
        (void)close(file);
        (void)close(copy);
    }
    return NULL;
}

/* Of n[1] threads; a signal comes again and again meanwhile, and one child of fork does the same. */
static int race(void)
{
    pthread_t threads[16];
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    (void)sigaction(SIGPROF, &action, NULL);
    (void)setitimer(ITIMER_PROF, &often, NULL);
    for (int64_t i = 0; i < n[1]; i++)
        (void)pthread_create(&threads[i], NULL, racer, (void *)(uintptr_t)(i + 1));
    pid_t child = fork();
    if (child == 0) {
        (void)racer((void *)(uintptr_t)100);
        _exit(0);
    }
    for (int64_t i = 0; i < n[1]; i++)
        (void)pthread_join(threads[i], NULL);
    (void)setitimer(ITIMER_PROF, &never, NULL);
    int status;
    return waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

/* --- the arguments --- */

static const struct step {
    const char *name;
    int (*run)(void);
} steps[] = {
    {"heap", heap},
    {"ion-file", ion_file},
    {"ion", ion_alloc},
    {"ion-free", ion_free},
    {"ion-map", ion_map},
    {"ion-share", ion_share},
    {"ion-import", ion_import},
    {"mali", mali},
    {"mali-more", mali_more},
    {"mali-free", mali_free},
    {"mali-import", mali_import},
    {"kgsl", kgsl},
    {"kgsl-id", kgsl_id},
    {"kgsl-object", kgsl_object},
    {"kgsl-import", kgsl_import},
    {"kgsl-free", kgsl_free},
    {"kgsl-map", kgsl_map},
    {"kgsl-id-free", kgsl_id_free},
    {"kgsl-object-free", kgsl_object_free},
    {"close", close_file},
    {"dup", dup_file},
    {"dup-fcntl", dup_control},
    {"dup-fcntl-exec", dup_control_exec},
    {"dup2", dup_over},
    {"dup3", dup_over_exec},
    {"close-range", close_between},
    {"closefrom", close_from},
    {"close-unseen", close_unseen},
    {"null", null},
    {"map", map},
    {"map-name", map_name},
    {"map-id", map_id},
    {"map-over", map_over},
    {"unmap", unmap},
    {"remap", remap},
    {"vfork-close", in_vfork},
    {"race", race},
};

static int named(const char *name, const char *text)
{
    if (strcmp(name, "open") == 0) {
        char path[64] = "";
        (void)sscanf(text, "%*s %*d %63s", path);
        files[n[0]] = open(path, O_RDWR);
        return files[n[0]] < 0 ? -1 : 0;
    }
    if (strcmp(name, "mark") == 0 && memtrace_checkpoint != NULL)
        memtrace_checkpoint("mark");
    if (strcmp(name, "start") == 0 && memtrace_recording_start != NULL)
        memtrace_recording_start();
    if (strcmp(name, "stop") == 0 && memtrace_recording_stop != NULL)
        memtrace_recording_stop();
    return 0;
}

static int step(const char *text)
{
    char name[32] = "";
    memset(n, 0, sizeof n);
    (void)sscanf(text, "%31s %lld %lld %lld %lld", name, (long long *)&n[0], (long long *)&n[1], (long long *)&n[2],
                 (long long *)&n[3]);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (strcmp(name, steps[i].name) == 0)
            return steps[i].run();
    }
    return named(name, text);
}

/* "fork" has a child do the steps up to "join". "exec" starts the program anew with those that follow. */
int main(int count, char **arguments)
{
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 1; i < count; i++) {
        pid_t child = strcmp(arguments[i], "fork") == 0 ? fork() : 0;
        if (strcmp(arguments[i], "exec") == 0)
            return execv("/proc/self/exe", arguments + i);
        if (strcmp(arguments[i], "join") == 0)
            return 0;
        if (child > 0) {
            (void)waitpid(child, NULL, 0);
            while (strcmp(arguments[i], "join") != 0)
                i++;
            continue;
        }
        int result = step(arguments[i]);
        printf("%d\n", result == 0 ? 0 : errno);
    }
    return 0;
}
