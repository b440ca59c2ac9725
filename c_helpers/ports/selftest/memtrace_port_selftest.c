/* SPDX-License-Identifier: Apache-2.0
 *
 * Approach: a table of promises with a check each, small and total; the first that fails is the answer. What only an interrupt,
 * another core or a second clock can show is asked of them by hooks. Rejected: an assertion at each (a port wants one line to print,
 * not a place in our source); a full test of the recorder (that is tests/unit, on a host).
 * Cost: loops that wait are bounded by MEMTRACE_PORT_SELFTEST_SPINS turns: a second or so for each that waits in vain.
 * Assumptions: nobody else records meanwhile.
 */
#include "../../recorder/frames.h"
#include "../../recorder/ring.h"

#include "memtrace_port_selftest.h"

#include <string.h>

#ifndef MEMTRACE_PORT_SELFTEST_SPINS
#define MEMTRACE_PORT_SELFTEST_SPINS 10000000u
#endif
/* What a waiting loop does at each turn: where the cores are threads of a busy machine, it lets the others run. */
#ifndef MEMTRACE_PORT_SELFTEST_PAUSE
#define MEMTRACE_PORT_SELFTEST_PAUSE() ((void)0)
#endif

enum {
    SAMPLES = 1000,
    WAIT_MS = 100,
    CLOCKS_APART = 1000, /* ticks by which the clocks of two cores may differ */
    ADDITIONS = 100000,  /* of each of two cores */
    ID_BYTES = MEMTRACE_BUILD_ID_BYTES,
    CHAIN = 3 /* frames whose PCs are known */
};

/* A frame of its own in every build, however the compiler is set. */
#define OWN_FRAME __attribute__((noinline, noclone))

volatile enum memtrace_promise memtrace_port_checking;

static const struct memtrace_port_hooks no_hooks;
static const struct memtrace_port_hooks *hooks;
static _Alignas(16) uint64_t ring_memory[512];

/* ---- who runs, and where ---- */

static bool core_is_in_range(void)
{
    return memtrace_port_core() < MEMTRACE_PORT_CORES;
}

static bool context_is_one(void)
{
    uintptr_t context = memtrace_port_context();
    return context != UINTPTR_MAX && context == memtrace_port_context();
}

static bool task_has_name(void)
{
    uintptr_t context = memtrace_port_context();
    if (context <= MEMTRACE_CONTEXT_ISR)
        return true;
    const char *name = memtrace_port_task_name(context);
    for (unsigned i = 0; name != NULL && i < MEMTRACE_NAME_BYTES && name[i] != '\0'; i++) {
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return false;
    }
    return name != NULL;
}

static bool span_holds(struct memtrace_span span, const volatile void *place)
{
    return (uintptr_t)place >= span.low && (uintptr_t)place < span.high;
}

/* It holds this frame, and no static memory. */
static bool stack_is_ours(void)
{
    volatile char here = 0;
    struct memtrace_span stack = memtrace_port_stack();
    return span_holds(stack, &here) && !span_holds(stack, ring_memory);
}

/* Of code. Pointers to functions and return addresses may say more in their lowest bits. */
static uintptr_t code_address(uintptr_t pointer)
{
    return pointer - pointer % FRAME_PC_ALIGNMENT;
}

/* Of the program here, in the recorder, and where a host will stop. */
static bool code_is_code(void)
{
    return pc_is_code(MEMTRACE_CALLER().pc) && pc_is_code(code_address((uintptr_t)memtrace_alloc)) &&
           pc_is_code(code_address((uintptr_t)memtrace_assert_stop));
}

static bool data_is_no_code(void)
{
    volatile char here = 0;
    return !memtrace_port_is_code((uintptr_t)ring_memory) && !memtrace_port_is_code((uintptr_t)&here) &&
           !memtrace_port_is_code(UINTPTR_MAX - 15u);
}

/* ---- the clock; where there is none, the same time for ever is right ---- */

static bool clock_runs(void)
{
    if (MEMTRACE_PORT_TICK_HZ == 0u)
        return true;
    uint64_t begun = memtrace_port_time_full();
    for (uint32_t turns = MEMTRACE_PORT_SELFTEST_SPINS; turns > 0; turns--) {
        if (memtrace_port_time_full() != begun)
            return true;
    }
    return false;
}

static bool clock_goes_forward(void)
{
    uint64_t last = 0;
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t now = memtrace_port_time_full();
        if (now < last)
            return false;
        last = now;
    }
    return true;
}

static bool clock_halves_agree(void)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t before = memtrace_port_time_full();
        uint32_t low = memtrace_port_time();
        uint64_t after = memtrace_port_time_full();
        if (low - (uint32_t)before > (uint32_t)(after - before))
            return false;
    }
    return true;
}

/* Within a factor of four: the wait may be long, and a wrong rate is mostly wrong by far more. */
static bool clock_rate_is_right(void)
{
    if (MEMTRACE_PORT_TICK_HZ == 0u || hooks->wait_ms == NULL)
        return true;
    uint64_t wanted = (uint64_t)MEMTRACE_PORT_TICK_HZ * WAIT_MS / 1000u;
    uint64_t begun = memtrace_port_time_full();
    hooks->wait_ms(WAIT_MS);
    uint64_t passed = memtrace_port_time_full() - begun;
    return passed + 1u >= wanted / 4u && passed <= wanted * 4u + 1u;
}

/* ---- memory that is given to the port ---- */

static bool build_id_is_kept_to(void)
{
    uint8_t bytes[ID_BYTES + 4];
    memset(bytes, 0x5a, sizeof bytes);
    memtrace_port_build_id(bytes);
    for (unsigned i = ID_BYTES; i < sizeof bytes; i++) {
        if (bytes[i] != 0x5a)
            return false;
    }
    return true;
}

/* ---- interrupts ---- */

/* What an interrupt saw. */
static struct {
    volatile uint32_t count;
    uintptr_t context;
    bool own_stack;
    volatile bool nested; /* another one came before it had ended */
} interrupt;

static void interrupt_count(void)
{
    interrupt.count++;
}

static bool interrupts_wait(uint32_t wanted, uint32_t turns)
{
    while (interrupt.count != wanted && turns > 0)
        turns--;
    return interrupt.count == wanted;
}

static uintptr_t lock_take(void)
{
#if ATOMICS_BY_LOCK
    return memtrace_port_lock();
#else
    return 0;
#endif
}

static void lock_give(uintptr_t saved)
{
#if ATOMICS_BY_LOCK
    memtrace_port_unlock(saved);
#else
    (void)saved;
#endif
}

/* Looks round, then takes and gives the lock: interrupts must stay off until it returns. */
static void interrupt_look(void)
{
    interrupt.context = memtrace_port_context();
    interrupt.own_stack = stack_is_ours();
    lock_give(lock_take());
    uint32_t before = interrupt.count;
    hooks->interrupt(interrupt_count);
    interrupt.nested = interrupts_wait(before + 1u, MEMTRACE_PORT_SELFTEST_SPINS / 100u);
    interrupt.count++;
}

/* Two: the one that looks, and the one that it has asked for. */
static bool interrupt_comes(void)
{
    interrupt.count = 0;
    if (hooks->interrupt != NULL)
        hooks->interrupt(interrupt_look);
    return hooks->interrupt == NULL || interrupts_wait(2, MEMTRACE_PORT_SELFTEST_SPINS);
}

static bool interrupt_is_known(void)
{
    return hooks->interrupt == NULL || interrupt.context == MEMTRACE_CONTEXT_ISR;
}

static bool interrupt_has_its_stack(void)
{
    return hooks->interrupt == NULL || interrupt.own_stack;
}

static bool lock_nests(void)
{
    return hooks->interrupt == NULL || !ATOMICS_BY_LOCK || !interrupt.nested;
}

/* None comes while it is held. */
static bool lock_holds(void)
{
    if (hooks->interrupt == NULL || !ATOMICS_BY_LOCK)
        return true;
    interrupt.count = 0;
    uintptr_t saved = lock_take();
    hooks->interrupt(interrupt_count);
    bool came = interrupts_wait(1, MEMTRACE_PORT_SELFTEST_SPINS / 100u);
    lock_give(saved);
    return !came;
}

/* The one that had to wait comes then. */
static bool lock_opens(void)
{
    return hooks->interrupt == NULL || !ATOMICS_BY_LOCK || interrupts_wait(1, MEMTRACE_PORT_SELFTEST_SPINS);
}

/* ---- two cores ---- */

enum turn { TURN_NONE, TURN_THERE, TURN_CLOCK, TURN_CLOCK_READ, TURN_ADD, TURN_ADDED };

static struct {
    uint32_t turn; /* whose it is, and for what */
    uint32_t sum;
    unsigned core;
    uint64_t time;
} other;

static bool turn_wait(enum turn turn)
{
    uint32_t turns = MEMTRACE_PORT_SELFTEST_SPINS;
    while (u32_load(&other.turn) != (uint32_t)turn && turns > 0) {
        MEMTRACE_PORT_SELFTEST_PAUSE();
        turns--;
    }
    stores_order();
    return turns > 0;
}

static void sum_add(void)
{
    for (unsigned i = 0; i < ADDITIONS; i++)
        (void)u32_add(&other.sum, 1);
}

static void other_run(void)
{
    other.core = memtrace_port_core();
    u32_publish(&other.turn, TURN_THERE);
    if (!turn_wait(TURN_CLOCK))
        return;
    other.time = memtrace_port_time_full();
    u32_publish(&other.turn, TURN_CLOCK_READ);
    if (!turn_wait(TURN_ADD))
        return;
    sum_add();
    u32_publish(&other.turn, TURN_ADDED);
}

static bool cores_are_many(void)
{
    return MEMTRACE_PORT_CORES > 1u && hooks->other_core != NULL;
}

static bool other_core_comes(void)
{
    other.turn = TURN_NONE;
    other.sum = 0;
    if (cores_are_many())
        hooks->other_core(other_run);
    return !cores_are_many() || turn_wait(TURN_THERE);
}

static bool cores_are_apart(void)
{
    return !cores_are_many() || (other.core != memtrace_port_core() && other.core < MEMTRACE_PORT_CORES);
}

/* Read while this core waits: between what it read before and after, or hardly beside it. */
static bool clock_is_shared(void)
{
    if (!cores_are_many())
        return true;
    uint64_t before = memtrace_port_time_full();
    u32_publish(&other.turn, TURN_CLOCK);
    bool read = turn_wait(TURN_CLOCK_READ);
    uint64_t after = memtrace_port_time_full();
    return read && other.time - before + CLOCKS_APART <= after - before + 2u * CLOCKS_APART;
}

static bool atomics_are_atomic(void)
{
    if (!cores_are_many())
        return true;
    u32_publish(&other.turn, TURN_ADD);
    sum_add();
    return turn_wait(TURN_ADDED) && u32_load(&other.sum) == 2u * ADDITIONS;
}

/* ---- what is recorded ---- */

static void port_ask_all(void)
{
    uint8_t id[ID_BYTES];
    uintptr_t context = memtrace_port_context();
    (void)memtrace_port_core();
    (void)memtrace_port_time();
    (void)memtrace_port_time_full();
    (void)memtrace_port_stack();
    (void)memtrace_port_is_code(0);
    if (context > MEMTRACE_CONTEXT_ISR)
        (void)memtrace_port_task_name(context);
    memtrace_port_build_id(id);
    lock_give(lock_take());
}

/* A frozen recorder counts events and asks the port nothing, so this ends even if the port is asked by its own allocation. Three
 * times: another task's events are others'. */
static bool port_does_not_allocate(void)
{
    if (!memtrace_init(ring_memory, sizeof ring_memory, NULL))
        return false;
    memtrace_ring->state = MEMTRACE_FROZEN;
    memtrace_ring->request = 0u - MEMTRACE_FROZEN;
    bool counted = true;
    for (unsigned i = 0; i < 3 && counted; i++) {
        uint32_t before = u32_load(&memtrace_ring->lost_stopped);
        port_ask_all();
        counted = u32_load(&memtrace_ring->lost_stopped) != before;
    }
    return !counted;
}

static uintptr_t chain_pcs[CHAIN]; /* innermost first */

/* The statement behind each call keeps its frame. */
OWN_FRAME static void chain_entry(void)
{
    chain_pcs[0] = code_address((uintptr_t)__builtin_return_address(0));
    memtrace_alloc(MEMTRACE_CALLER(), chain_pcs, sizeof chain_pcs, 0);
    __asm__ volatile("" ::: "memory");
}

OWN_FRAME static void chain_middle(void)
{
    chain_pcs[1] = code_address((uintptr_t)__builtin_return_address(0));
    chain_entry();
    __asm__ volatile("" ::: "memory");
}

OWN_FRAME static void chain_outer(void)
{
    chain_pcs[2] = code_address((uintptr_t)__builtin_return_address(0));
    chain_middle();
    __asm__ volatile("" ::: "memory");
}

/* Depth and PCs of the stack that was recorded; NULL: there is no such event. */
static const memtrace_word *chain_recorded(void)
{
    const struct recorder *ring = recorder_get();
    const memtrace_word *words = ring->states - STATE_WORD;
    for (uint32_t i = 0; i < ring->header.events.count; i++, words += STATE_WORD + 1) {
        if (words[0] == (uintptr_t)chain_pcs && (words[STATE_WORD] & 31u) == MEMTRACE_ALLOC)
            return &ring->arena[words[2] >> STACK_SHIFT];
    }
    return NULL;
}

static bool chain_is_recorded(unsigned frames)
{
    const memtrace_word *stack = chain_recorded();
    if (stack == NULL || (stack[0] & 0xffu) < frames)
        return false;
    for (unsigned i = 0; i < frames; i++) {
        if (frame_code(stack[1 + i]) != chain_pcs[i])
            return false;
    }
    return true;
}

static bool caller_is_recorded(void)
{
    memtrace_control(MEMTRACE_REQUEST_START, NULL);
    chain_outer();
    return chain_is_recorded(1);
}

static bool frames_are_recorded(void)
{
    return chain_is_recorded(MEMTRACE_DEPTH < CHAIN ? MEMTRACE_DEPTH : CHAIN);
}

/* It comes back, and leaves the evidence alone. */
static bool stop_comes_back(void)
{
    memtrace_assert_failed(MEMTRACE_CALLER(), "self-test", 1, __func__);
    return u32_load(&memtrace_ring->state) == MEMTRACE_FROZEN && u32_load(&memtrace_ring->assert_line) == 1u;
}

/* ---- the table ---- */

static const struct promise {
    bool (*kept)(void);
    const char *broken;
} promises[] = {
    [MEMTRACE_PROMISES_KEPT] = {NULL, "every promise that could be checked is kept"},
    [MEMTRACE_PROMISE_CORE] = {core_is_in_range, "memtrace_port_core: not less than MEMTRACE_PORT_CORES"},
    [MEMTRACE_PROMISE_CONTEXT] = {context_is_one, "memtrace_port_context: all ones, or not the same twice"},
    [MEMTRACE_PROMISE_TASK_NAME] = {task_has_name, "memtrace_port_task_name: NULL, or no text"},
    [MEMTRACE_PROMISE_STACK] = {stack_is_ours, "memtrace_port_stack: not the stack in use, or more than it"},
    [MEMTRACE_PROMISE_CODE] = {code_is_code, "memtrace_port_is_code: denies code of this program"},
    [MEMTRACE_PROMISE_NOT_CODE] = {data_is_no_code, "memtrace_port_is_code: takes data for code"},
    [MEMTRACE_PROMISE_CLOCK_RUNS] = {clock_runs, "memtrace_port_time_full: stands still"},
    [MEMTRACE_PROMISE_CLOCK_FORWARD] = {clock_goes_forward, "memtrace_port_time_full: went back"},
    [MEMTRACE_PROMISE_CLOCK_HALVES] = {clock_halves_agree, "memtrace_port_time: not the low half of time_full"},
    [MEMTRACE_PROMISE_CLOCK_RATE] = {clock_rate_is_right, "MEMTRACE_PORT_TICK_HZ: not the rate of the clock"},
    [MEMTRACE_PROMISE_BUILD_ID] = {build_id_is_kept_to, "memtrace_port_build_id: writes more than 20 bytes"},
    [MEMTRACE_PROMISE_INTERRUPT] = {interrupt_comes, "no interrupt came: they are off, or the hook does not work"},
    [MEMTRACE_PROMISE_INTERRUPT_CONTEXT] = {interrupt_is_known, "memtrace_port_context: not 1 in an interrupt"},
    [MEMTRACE_PROMISE_INTERRUPT_STACK] = {interrupt_has_its_stack,
                                          "memtrace_port_stack: not the interrupt's stack in an interrupt"},
    [MEMTRACE_PROMISE_LOCK_HOLDS] = {lock_holds, "memtrace_port_lock: an interrupt came while it was held"},
    [MEMTRACE_PROMISE_LOCK_OPENS] = {lock_opens, "memtrace_port_unlock: interrupts stay off"},
    [MEMTRACE_PROMISE_LOCK_NESTS] = {lock_nests, "memtrace_port_unlock: turns interrupts on that were off before"},
    [MEMTRACE_PROMISE_OTHER_CORE] = {other_core_comes, "the other core did not come: the hook does not work"},
    [MEMTRACE_PROMISE_CORE_APART] = {cores_are_apart, "memtrace_port_core: two cores with one number"},
    [MEMTRACE_PROMISE_CLOCK_SHARED] = {clock_is_shared, "memtrace_port_time_full: another time on another core"},
    [MEMTRACE_PROMISE_ATOMICS] = {atomics_are_atomic,
                                  "additions of two cores were lost: this memory has no atomic steps"},
    [MEMTRACE_PROMISE_NO_ALLOCATION] = {port_does_not_allocate, "a function of the port allocates or frees"},
    [MEMTRACE_PROMISE_CALLER] = {caller_is_recorded,
                                 "the caller was not recorded: MEMTRACE_CALLER(), or the port, is wrong"},
    [MEMTRACE_PROMISE_FRAMES] = {frames_are_recorded,
                                 "call stacks end early: no frame pointers (-fno-omit-frame-pointer), or "
                                 "memtrace_port_stack ends early"},
    [MEMTRACE_PROMISE_STOP] = {stop_comes_back, "memtrace_assert_stop: changes the frozen ring"},
};

enum memtrace_promise memtrace_port_selftest(const struct memtrace_port_hooks *given)
{
    unsigned promise = MEMTRACE_PROMISES_KEPT + 1;
    hooks = given != NULL ? given : &no_hooks;
    for (; promise < sizeof promises / sizeof promises[0]; promise++) {
        memtrace_port_checking = (enum memtrace_promise)promise;
        if (!promises[promise].kept())
            break;
    }
    memtrace_port_checking = MEMTRACE_PROMISES_KEPT;
    memtrace_ring = NULL;
    return promise < sizeof promises / sizeof promises[0] ? (enum memtrace_promise)promise : MEMTRACE_PROMISES_KEPT;
}

const char *memtrace_promise_text(enum memtrace_promise promise)
{
    return (unsigned)promise < sizeof promises / sizeof promises[0] ? promises[promise].broken : "no such promise";
}
