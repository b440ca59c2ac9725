/* SPDX-License-Identifier: Apache-2.0
 *
 * A seeded life of a C library's real malloc, in an emulator of a user's program: writes its own books as lines to the
 * standard output, and its memory to the standard error.
 *
 *     load SEED CALLS SKIPPED [FOREIGN]     SKIPPED: bytes before the heap; FOREIGN: every so many calls take from sbrk
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__arm__)
enum { SYS_EXIT = 1, SYS_WRITE = 4 };
#else
enum { SYS_EXIT = 93, SYS_WRITE = 64 };
#endif
enum { ARENA = 64 << 10, MOST = 96 };

extern size_t malloc_usable_size(void *);
extern void *memalign(size_t, size_t);
extern char data_start[], data_end[];

struct user {
    unsigned char *payload;
    size_t requested;
};

static char arena[ARENA] __attribute__((section(".arena"), aligned(16)));
static char *heap_end = arena; /* as boards' files call it */
static struct user users[MOST];
static uint32_t state;

#if defined(__arm__)
__attribute__((naked)) static long call(long number, long one, const void *two, long three)
{
    __asm__("push {r7, lr}\n mov r7, r0\n mov r0, r1\n mov r1, r2\n mov r2, r3\n svc 0\n pop {r7, pc}");
}
__attribute__((naked)) void _start(void)
{
    __asm__("mov r0, sp\n bl run");
}
#else
__attribute__((naked)) static long call(long number, long one, const void *two, long three)
{
    __asm__("mv a7, a0\n mv a0, a1\n mv a1, a2\n mv a2, a3\n ecall\n ret");
}
__attribute__((naked)) void _start(void)
{
    __asm__(".option push\n .option norelax\n la gp, __global_pointer$\n .option pop\n mv a0, sp\n call run");
}
#endif

void *_sbrk(ptrdiff_t increment)
{
    if (increment > arena + ARENA - heap_end)
        return (void *)-1;
    heap_end += increment;
    return heap_end - increment;
}

void *sbrk(ptrdiff_t increment)
{
    return _sbrk(increment);
}

static uint32_t some(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

static void put_text(const char *text)
{
    long length = 0;
    while (text[length])
        length++;
    call(SYS_WRITE, 1, text, length);
}

static void put(const char *name, const void *address, size_t one, size_t two)
{
    char line[80], *end = line + sizeof line;
    uintptr_t values[] = {two, one, (uintptr_t)address};
    *--end = 0;
    *--end = '\n';
    for (int which = 0; which < 3; which++) {
        uintptr_t value = values[which];
        do
            *--end = "0123456789abcdef"[value % 16];
        while (value /= 16);
        *--end = ' ';
    }
    put_text(name);
    put_text(end);
}

static size_t some_size(void)
{
    uint32_t kind = some(20);
    return kind < 12 ? some(64) : kind < 18 ? 64 + some(340) : 400 + some(1400);
}

static void take(struct user *user)
{
    size_t size = some_size();
    uint32_t kind = some(10);
#ifdef NANO /* only a trace knows how far nano's memalign has moved a pointer */
    user->payload = kind < 7 ? malloc(size) : calloc(1, size);
#else
    user->payload = kind < 6 ? malloc(size) : kind < 9 ? calloc(1, size) : memalign(16u << some(3), size);
#endif
    user->requested = size;
}

static void fill(const struct user *user)
{
    uint32_t kind = some(4), byte = some(256);
    for (size_t place = 0; user->payload && place < user->requested; place++)
        user->payload[place] = (unsigned char)(kind == 0 ? byte : kind == 1 ? "reading 17.4 "[place % 13] : some(256));
}

static void use(struct user *user)
{
    if (!user->payload) {
        take(user);
    } else if (some(10) < 7) {
        free(user->payload);
        user->payload = NULL;
    } else {
        size_t size = some_size() + 1;
        void *moved = realloc(user->payload, size);
        if (moved) {
            user->payload = moved;
            user->requested = size;
        }
    }
    fill(user);
}

static long number(const char *text)
{
    long value = 0;
    while (*text)
        value = 10 * value + *text++ - '0';
    return value;
}

void run(long *stack)
{
    char **argument = (char **)(stack + 1);
    long calls = number(argument[2]), foreign = stack[0] > 4 ? number(argument[4]) : 0;
    state = (uint32_t)number(argument[1]);
    heap_end += number(argument[3]);
    for (long done = 0; done < calls; done++) {
        use(&users[some(MOST)]);
        if (foreign && done % foreign == foreign - 1)
            _sbrk(20 + 4 * (ptrdiff_t)some(20));
    }
    for (int which = 0; which < MOST; which++)
        if (users[which].payload)
            put("user", users[which].payload, malloc_usable_size(users[which].payload), users[which].requested);
    size_t data = (uintptr_t)data_end - (uintptr_t)data_start;
    put("data", data_start, data, 0);
    put("arena", arena, ARENA, (size_t)(heap_end - arena));
    call(SYS_WRITE, 2, data_start, (long)data);
    call(SYS_WRITE, 2, arena, ARENA);
    call(SYS_EXIT, 0, NULL, 0);
}
