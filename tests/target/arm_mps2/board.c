/* SPDX-License-Identifier: Apache-2.0
 *
 * QEMU's Arm MPS2 boards: one core, timers of the CMSDK, its UART, and semihosting for arguments and the end.
 */
#include "board.h"

#include <string.h>

#include "board_mps2.h"

#define ARGUMENT_BYTES 512u
#define CYCLES_PER_10_PERIODS (MPS2_HZ / 1000000u) /* a period is counted in 100 ns, as on the other boards */
#define INTERRUPTS_ENABLE 0xe000e100u
#define INTERRUPTS_DISABLE 0xe000e180u

#define SECTION(name) __attribute__((section(name), aligned(16)))

/* Registers of a timer and of the UART, by words. */
enum { TIMER_CONTROL, TIMER_VALUE, TIMER_RELOAD, TIMER_INTERRUPT };
enum { UART_DATA, UART_STATE, UART_CONTROL, UART_DIVIDER = 4 };
enum { DUAL_CONTROL = 2, DUAL_RUNS_BY_256 = 0x8a };
enum { TIMER_RUNS = 1, TIMER_INTERRUPTS = 8, UART_SENDS = 1, UART_IS_FULL = 1 };
enum { CALL_COMMAND_LINE = 0x15, CALL_EXIT = 0x20, EXIT_STATUS = 0x20026 };

extern const uint8_t board_build_id_start[];
extern const uint8_t board_build_id_end[];
extern int main(void);
extern void task_trampoline(void);
void memtrace_port_build_id(uint8_t out[20]);
void board_main(void);
board_entry board_interrupt_enter(void);
void board_interrupt_leave(void);
_Noreturn void board_fault(uint32_t cause, uint32_t pc, uint32_t value);

SECTION(".bss.stacks_startup") char board_startup_stack[BOARD_STACK_BYTES];
SECTION(".bss.stacks_interrupt") char board_interrupt_stack[BOARD_STACK_BYTES];

struct board_running board_running[BOARD_CORES] __attribute__((section(".data"))) = {
    {0, (uintptr_t)board_startup_stack, (uintptr_t)board_startup_stack + BOARD_STACK_BYTES - BOARD_GLUE_BYTES, 0},
};
static struct board_running interrupted;

static board_entry timer_handler;

static volatile uint32_t *timer_registers(unsigned number)
{
    return (volatile uint32_t *)(uintptr_t)(MPS2_DEVICES + 0x1000u * number);
}

/* ---- output, arguments, the end ---- */

void board_send(const uint8_t *bytes, size_t count)
{
    volatile uint32_t *uart = (volatile uint32_t *)(uintptr_t)MPS2_UART;
    for (; count > 0; count--) {
        while ((uart[UART_STATE] & UART_IS_FULL) != 0) {
        }
        uart[UART_DATA] = *bytes++;
    }
}

void board_print(const char *text)
{
    board_send((const uint8_t *)text, strlen(text));
}

static uint32_t host_call(uint32_t number, const void *block)
{
    register uint32_t r0 __asm__("r0") = number;
    register const void *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

_Noreturn void board_exit(enum board_status status)
{
    const uint32_t block[] = {EXIT_STATUS, (uint32_t)status};
    for (;;) {
        (void)host_call(CALL_EXIT, block);
    }
}

/* The name of the program, then the arguments, with blanks between. */
const char *board_argument(const char *name)
{
    static char line[ARGUMENT_BYTES];
    const uint32_t block[] = {(uint32_t)(uintptr_t)line, sizeof line};
    if (host_call(CALL_COMMAND_LINE, block) != 0) {
        return NULL;
    }
    const char *found = strstr(line, name);
    return found != NULL ? found + strlen(name) : NULL;
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

/* It wraps after half a day or more; each wrap is seen if somebody looks meanwhile. */
uint64_t mps2_time_full(void)
{
    static uint32_t wraps;
    static uint32_t seen;
    uint32_t interrupts = mps2_interrupts_off();
    uint32_t now = mps2_time_low();
    wraps += now < seen;
    seen = now;
    uint64_t time = (uint64_t)wraps << 32 | now;
    mps2_interrupts_restore(interrupts);
    return time;
}

uint32_t board_time(void)
{
    return mps2_time_low();
}

/* Cycles; how many an instruction takes is the emulator's -icount. */
uint32_t board_instructions(void)
{
    return ~timer_registers(1)[TIMER_VALUE];
}

/* ---- exclusion ---- */

uint32_t board_interrupts_off(void)
{
    return mps2_interrupts_off();
}

void board_interrupts_restore(uint32_t state)
{
    mps2_interrupts_restore(state);
}

bool board_word_claim(uint32_t *word, uint32_t expected, uint32_t desired)
{
    uint32_t interrupts = mps2_interrupts_off();
    bool claimed = *(volatile uint32_t *)word == expected;
    if (claimed) {
        *(volatile uint32_t *)word = desired;
    }
    mps2_interrupts_restore(interrupts);
    return claimed;
}

void board_word_release(uint32_t *word, uint32_t value)
{
    *(volatile uint32_t *)word = value;
}

/* ---- timer ---- */

void board_timer_start(uint32_t period, board_entry handler)
{
    volatile uint32_t *timer = timer_registers(0);
    timer_handler = handler;
    timer[TIMER_RELOAD] = period * CYCLES_PER_10_PERIODS / 10u;
    timer[TIMER_VALUE] = timer[TIMER_RELOAD];
    timer[TIMER_CONTROL] = TIMER_RUNS | TIMER_INTERRUPTS;
    *(volatile uint32_t *)(uintptr_t)INTERRUPTS_ENABLE = 1u << MPS2_TIMER_INTERRUPT;
    mps2_interrupts_restore(0);
}

void board_timer_stop(void)
{
    *(volatile uint32_t *)(uintptr_t)INTERRUPTS_DISABLE = 1u << MPS2_TIMER_INTERRUPT;
    timer_registers(0)[TIMER_CONTROL] = 0;
}

/* ---- exceptions ---- */

board_entry board_interrupt_enter(void)
{
    interrupted = board_running[0];
    board_running[0].context = 1;
    board_running[0].low = (uintptr_t)board_interrupt_stack;
    board_running[0].high = (uintptr_t)board_interrupt_stack + BOARD_STACK_BYTES;
    timer_registers(0)[TIMER_INTERRUPT] = 1;
    return timer_handler;
}

void board_interrupt_leave(void)
{
    board_running[0] = interrupted;
}

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

/* `value` is the stack pointer's. */
_Noreturn void board_fault(uint32_t cause, uint32_t pc, uint32_t value)
{
    print_hex("fault: cause 0x", cause);
    print_hex(" at 0x", pc);
    print_hex(" stack 0x", value);
    board_print("\n");
    board_exit(BOARD_FAULTED);
}

/* ---- contexts ---- */

/* What board_context_switch finds on a stack. */
struct saved_context {
#ifdef __ARM_FP
    float s16_to_s31[16];
#endif
    uint32_t r8_to_r11[4];
    uint32_t r3;
    board_entry r4;
    uint32_t r5_to_r7[3];
    board_entry return_to;
};

_Static_assert(offsetof(struct board_running, high) == 8, "start.S knows it");
_Static_assert(sizeof(struct saved_context) % 8 == 0, "a stack pointer is a multiple of eight");

void *board_context_create(void *stack, size_t bytes, board_entry entry)
{
    uintptr_t top = (((uintptr_t)stack + bytes) & ~(uintptr_t)15) - BOARD_GLUE_BYTES;
    struct saved_context *saved = (struct saved_context *)top - 1;
    *saved = (struct saved_context){.r4 = entry, .return_to = task_trampoline};
    return saved;
}

void board_main(void)
{
    volatile uint32_t *uart = (volatile uint32_t *)(uintptr_t)MPS2_UART;
    uart[UART_DIVIDER] = 16;
    uart[UART_CONTROL] = UART_SENDS;
    timer_registers(1)[TIMER_RELOAD] = UINT32_MAX;
    timer_registers(1)[TIMER_VALUE] = UINT32_MAX;
    timer_registers(1)[TIMER_CONTROL] = TIMER_RUNS;
    timer_registers(2)[DUAL_CONTROL] = DUAL_RUNS_BY_256;
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

/* No scenario that runs here has another bus master. */
void board_dma(void *to, uint32_t bytes)
{
    (void)to, (void)bytes;
}
