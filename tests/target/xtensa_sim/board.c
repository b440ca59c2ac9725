/* SPDX-License-Identifier: Apache-2.0
 *
 * QEMU's Xtensa sim machine: one core, its timer, and the simulator's own calls for output, arguments and the end.
 */
#include "board.h"

#include <string.h>

#include "board_sim.h"

#define STACK_BYTES 8192u
#define ARGUMENT_BYTES 512u
#define TIMER_INTERRUPT 6u   /* CCOMPARE0, level 1 */
#define CYCLES_PER_PERIOD 4u /* a period is counted in 100 ns, as on the other board */

#define SECTION(name) __attribute__((section(name), aligned(16)))

enum { CAUSE_INTERRUPT = 4, SAVED_WORDS = 22 };
enum { CALL_EXIT = 1, CALL_WRITE = 4, CALL_ARGV_BYTES = 1001, CALL_ARGV = 1002 };

extern const uint8_t board_build_id_start[];
extern const uint8_t board_build_id_end[];
extern int main(void);
extern void task_trampoline(void);
void memtrace_port_build_id(uint8_t out[20]);
void board_main(void);
void board_trap(uint32_t cause, uint32_t pc, uint32_t value);

const uint32_t board_stack_bytes = STACK_BYTES;
uint32_t board_trap_saved[SAVED_WORDS];
volatile uint32_t sim_wraps;
static uint32_t cycles_seen;

SECTION(".bss.stacks_startup") char board_startup_stack[STACK_BYTES];
SECTION(".bss.stacks_interrupt") char board_interrupt_stack[STACK_BYTES];

struct board_running board_running[BOARD_CORES] __attribute__((section(".data"))) = {
    {0, (uintptr_t)board_startup_stack, (uintptr_t)board_startup_stack + STACK_BYTES - BOARD_GLUE_BYTES, 0},
};

static board_entry timer_handler;
static uint32_t timer_cycles;

/* ---- the simulator ---- */

static uint32_t simulator_call(uint32_t number, uint32_t first, uint32_t second, uint32_t third)
{
    register uint32_t a2 __asm__("a2") = number;
    register uint32_t a3 __asm__("a3") = first;
    register uint32_t a4 __asm__("a4") = second;
    register uint32_t a5 __asm__("a5") = third;
    __asm__ volatile("simcall" : "+r"(a2), "+r"(a3) : "r"(a4), "r"(a5) : "memory");
    return a2;
}

void board_print(const char *text)
{
    (void)simulator_call(CALL_WRITE, 1, (uint32_t)text, strlen(text));
}

_Noreturn void board_exit(enum board_status status)
{
    for (;;) {
        (void)simulator_call(CALL_EXIT, (uint32_t)status, 0, 0);
    }
}

/* An array of pointers, then the arguments as text, one behind the other. */
const char *board_argument(const char *name)
{
    static char arguments[ARGUMENT_BYTES];
    uint32_t bytes = simulator_call(CALL_ARGV_BYTES, 0, 0, 0);
    size_t length = strlen(name);
    if (bytes > sizeof arguments) {
        return NULL;
    }
    (void)simulator_call(CALL_ARGV, (uint32_t)arguments, 0, 0);
    for (size_t i = 0; i + length < bytes; i++) {
        if (memcmp(arguments + i, name, length) == 0) {
            return arguments + i + length;
        }
    }
    return NULL;
}

/* ---- one core ---- */

unsigned board_core(void)
{
    return 0;
}

unsigned board_core_count(void)
{
    return 1;
}

void board_core_start(board_entry entry)
{
    (void)entry;
}

/* ---- time ---- */

uint64_t sim_time_full(void)
{
    uint32_t interrupts = sim_interrupts_off();
    uint32_t now = sim_cycles();
    if (now < cycles_seen) {
        sim_wraps++;
    }
    cycles_seen = now;
    uint64_t cycles = (uint64_t)sim_wraps << 32 | now;
    sim_interrupts_restore(interrupts);
    return cycles >> SIM_TIME_SHIFT;
}

uint32_t board_time(void)
{
    return sim_time_low();
}

/* Cycles; how many an instruction takes is the emulator's -icount. */
uint32_t board_instructions(void)
{
    return sim_cycles();
}

/* ---- exclusion ---- */

uint32_t board_interrupts_off(void)
{
    return sim_interrupts_off();
}

void board_interrupts_restore(uint32_t state)
{
    sim_interrupts_restore(state);
}

bool board_word_claim(uint32_t *word, uint32_t expected, uint32_t desired)
{
    uint32_t interrupts = sim_interrupts_off();
    bool claimed = *(volatile uint32_t *)word == expected;
    if (claimed) {
        *(volatile uint32_t *)word = desired;
    }
    sim_interrupts_restore(interrupts);
    return claimed;
}

void board_word_release(uint32_t *word, uint32_t value)
{
    *(volatile uint32_t *)word = value;
}

/* ---- timer ---- */

/* Setting CCOMPARE0 also ends the interrupt that is pending. Again, if the emulator let the moment pass before it was set: it would
 * come round in two minutes. */
static void timer_set(void)
{
    uint32_t when = 0;
    do {
        when = sim_cycles() + timer_cycles;
        __asm__ volatile("wsr.ccompare0 %0\n\tesync" ::"r"(when));
    } while ((int32_t)(when - sim_cycles()) <= 0);
}

void board_timer_start(uint32_t period, board_entry handler)
{
    timer_handler = handler;
    timer_cycles = period * CYCLES_PER_PERIOD;
    timer_set();
    __asm__ volatile("wsr.intenable %0\n\trsync" ::"r"(1u << TIMER_INTERRUPT));
    __asm__ volatile("rsil %0, 0" : "=r"(period)::"memory");
}

void board_timer_stop(void)
{
    __asm__ volatile("wsr.intenable %0\n\trsync" ::"r"(0));
}

/* ---- traps ---- */

static void print_hex(const char *label, uint32_t value)
{
    char text[] = "00000000";
    for (int i = 7; i >= 0; i--) {
        text[i] = "0123456789abcdef"[value & 15u];
        value >>= 4;
    }
    board_print(label);
    board_print(text);
}

static _Noreturn void fault_report(uint32_t cause, uint32_t pc, uint32_t value)
{
    print_hex("fault: cause 0x", cause);
    print_hex(" at 0x", pc);
    print_hex(" address 0x", value);
    board_print("\n");
    board_exit(BOARD_FAULTED);
}

void board_trap(uint32_t cause, uint32_t pc, uint32_t value)
{
    if (cause != CAUSE_INTERRUPT) {
        fault_report(cause, pc, value);
    }
    struct board_running interrupted = board_running[0];
    board_running[0].context = 1;
    board_running[0].low = (uintptr_t)board_interrupt_stack;
    board_running[0].high = (uintptr_t)board_interrupt_stack + STACK_BYTES - BOARD_GLUE_BYTES;
    timer_handler();
    timer_set();
    board_running[0] = interrupted;
}

_Static_assert(offsetof(struct board_running, high) == 8, "start.S knows it");

/* ---- contexts ---- */

/* What board_context_switch finds on a stack. Windowed: the registers of the trampoline, as a window overflow leaves them, lie
 * under the stack pointer that is switched to; the return address says in its top bits that it called by CALL4. */
#ifdef __XTENSA_WINDOWED_ABI__
struct saved_context {
    uint32_t a0;
    uint32_t stack_pointer;
    uint32_t a2;
    board_entry entry;
    uint32_t return_to; /* the stack pointer points here */
    uint32_t others[7];
};

void *board_context_create(void *stack, size_t bytes, board_entry entry)
{
    uintptr_t top = ((uintptr_t)stack + bytes) & ~(uintptr_t)15;
    struct saved_context *saved = (struct saved_context *)top - 1;
    uint32_t call4 = ((uint32_t)task_trampoline & UINT32_MAX >> 2) | 1u << 30;
    *saved = (struct saved_context){.stack_pointer = top, .entry = entry, .return_to = call4};
    return &saved->return_to;
}
#else
struct saved_context {
    board_entry return_to;
    board_entry a12;
    uint32_t others[6];
};

_Static_assert(sizeof(struct saved_context) == 32, "start.S moves the stack pointer by this");

void *board_context_create(void *stack, size_t bytes, board_entry entry)
{
    uintptr_t top = ((uintptr_t)stack + bytes) & ~(uintptr_t)15;
    struct saved_context *saved = (struct saved_context *)top - 1;
    *saved = (struct saved_context){.return_to = task_trampoline, .a12 = entry};
    return saved;
}
#endif

void board_main(void)
{
    (void)main();
    board_exit(BOARD_PASSED);
}

/* The note is three words, "GNU\0", and the 20 bytes. */
void memtrace_port_build_id(uint8_t out[20])
{
    enum { NOTE_HEAD = 16 };
    if ((uintptr_t)board_build_id_end - (uintptr_t)board_build_id_start >= NOTE_HEAD + 20) {
        memcpy(out, board_build_id_start + NOTE_HEAD, 20);
    }
}

/* The simulator has no other bus master. */
void board_dma(void *to, uint32_t bytes)
{
    (void)to, (void)bytes;
}
