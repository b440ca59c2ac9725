/* SPDX-License-Identifier: Apache-2.0
 *
 * QEMU's riscv virt machine: UART 16550, CLINT, test finisher; machine mode only.
 */
#include "board.h"

#include <string.h>

#include "board_virt.h"

#define UART_BASE 0x10000000u
#define DMA_REGISTER 0x10100010u
#define FINISHER 0x100000u
#define FINISHER_RESET 0x7777u
#define CLINT_MTIMECMP 0x2004000u
#define STACK_BYTES 8192u

#define SECTION(name) __attribute__((section(name), aligned(16)))

enum { CAUSE_TIMER = 7, MIE_TIMER = 1 << 7, MSTATUS_MIE = 1 << 3, UART_LINE_STATUS = 5, UART_SEND_READY = 0x20 };

extern const uint8_t board_build_id_start[];
extern const uint8_t board_build_id_end[];
extern int main(void);
extern void task_trampoline(void);
void memtrace_port_build_id(uint8_t out[20]);
void board_main(void);
void board_second_main(void);
void board_trap(uint32_t cause, uint32_t pc, uint32_t value);
_Noreturn void board_fault(uint32_t cause, uint32_t pc, uint32_t value);

/* .data, not .bss: start.S writes it before it clears .bss, and the second core must not see a stale word. */
uintptr_t board_device_tree __attribute__((section(".data"))) = 1;
static volatile board_entry second_entry __attribute__((section(".data"))) = NULL;
const uint32_t board_stack_bytes = STACK_BYTES;

SECTION(".bss.stacks_startup") char board_startup_stacks[BOARD_CORES][STACK_BYTES];
SECTION(".bss.stacks_interrupt") char board_interrupt_stacks[BOARD_CORES][STACK_BYTES];

#define STARTING_UP(core) \
    { \
        0, (uintptr_t)board_startup_stacks[core], (uintptr_t)board_startup_stacks[(core) + 1] - BOARD_GLUE_BYTES, 0 \
    }

struct board_running board_running[BOARD_CORES] __attribute__((section(".data"))) = {
    STARTING_UP(0),
    STARTING_UP(1),
#if BOARD_CORES > 2
    STARTING_UP(2),
    STARTING_UP(3),
#endif
};

#ifdef MEMTRACE_TEST_BENCH_RTOS
struct board_running *volatile virt_current[BOARD_CORES] = {&board_running[0], &board_running[1]};
volatile uint32_t virt_nesting[BOARD_CORES];
#endif

static board_entry timer_handlers[BOARD_CORES];
static uint32_t timer_periods[BOARD_CORES];

static volatile uint8_t *uart_register(unsigned number)
{
    return (volatile uint8_t *)(uintptr_t)(UART_BASE + number);
}

void board_send(const uint8_t *bytes, size_t count)
{
    for (; count > 0; count--) {
        while ((*uart_register(UART_LINE_STATUS) & UART_SEND_READY) == 0) {
        }
        *uart_register(0) = *bytes++;
    }
}

void board_print(const char *text)
{
    board_send((const uint8_t *)text, strlen(text));
}

_Noreturn void board_exit(enum board_status status)
{
    volatile uint32_t *finisher = (volatile uint32_t *)(uintptr_t)FINISHER;
#ifdef MEMTRACE_TEST_RETAINED
    if (status == BOARD_ABORTED) { /* as firmware in the field: it starts again */
        *finisher = FINISHER_RESET;
    }
#endif
    *finisher = status == BOARD_PASSED ? 0x5555u : (uint32_t)status << 16 | 0x3333u;
    for (;;) {
    }
}

unsigned board_core(void)
{
    return virt_core();
}

uint32_t board_time(void)
{
    return virt_time_low();
}

uint32_t board_instructions(void)
{
    uint32_t count = 0;
    __asm__ volatile("csrr %0, minstret" : "=r"(count));
    return count;
}

/* ---- exclusion ---- */

uint32_t board_interrupts_off(void)
{
    return virt_interrupts_off();
}

void board_interrupts_restore(uint32_t state)
{
    virt_interrupts_restore(state);
}

#ifdef __riscv_atomic
bool board_word_claim(uint32_t *word, uint32_t expected, uint32_t desired)
{
    return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void board_word_release(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
#else
/* Without the A extension there is one core: that interrupts are off is enough. */
bool board_word_claim(uint32_t *word, uint32_t expected, uint32_t desired)
{
    uint32_t interrupts = virt_interrupts_off();
    bool claimed = *(volatile uint32_t *)word == expected;
    if (claimed) {
        *(volatile uint32_t *)word = desired;
    }
    virt_interrupts_restore(interrupts);
    return claimed;
}

void board_word_release(uint32_t *word, uint32_t value)
{
    *(volatile uint32_t *)word = value;
}
#endif

/* ---- timer ---- */

static void timer_set(uint32_t core, uint64_t when)
{
    volatile uint32_t *compare = (volatile uint32_t *)(uintptr_t)(CLINT_MTIMECMP + 8 * core);
    compare[1] = UINT32_MAX; /* no interrupt while the halves do not fit together */
    compare[0] = (uint32_t)when;
    compare[1] = (uint32_t)(when >> 32);
}

void board_timer_start(uint32_t period, board_entry handler)
{
    unsigned core = board_core();
    timer_handlers[core] = handler;
    timer_periods[core] = period;
    timer_set(core, virt_time_full() + period);
    __asm__ volatile("csrs mie, %0" ::"r"(MIE_TIMER));
    virt_interrupts_restore(MSTATUS_MIE);
}

void board_timer_stop(void)
{
    __asm__ volatile("csrc mie, %0" ::"r"(MIE_TIMER));
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

/* A firmware may have its own. */
__attribute__((weak)) _Noreturn void board_fault(uint32_t cause, uint32_t pc, uint32_t value)
{
    print_hex("fault: cause 0x", cause);
    print_hex(" at 0x", pc);
    print_hex(" address 0x", value);
    board_print("\n");
    board_exit(BOARD_FAULTED);
}

void board_trap(uint32_t cause, uint32_t pc, uint32_t value)
{
    unsigned core = board_core();
    if (cause != (0x80000000u | CAUSE_TIMER)) {
        board_fault(cause, pc, value);
    }
    struct board_running interrupted = board_running[core];
    board_running[core].context = 1;
    board_running[core].low = (uintptr_t)board_interrupt_stacks[core];
    board_running[core].high = (uintptr_t)__builtin_frame_address(0) - BOARD_GLUE_BYTES;
    timer_handlers[core]();
    timer_set(core, virt_time_full() + timer_periods[core]);
    board_running[core] = interrupted;
}

/* ---- contexts ---- */

/* What board_context_switch finds on a stack. */
struct saved_context {
    board_entry return_to;
    uint32_t s0;
    board_entry s1;
    uint32_t others[13];
};

_Static_assert(sizeof(struct board_running) == 16 && offsetof(struct board_running, high) == 8, "start.S knows it");
_Static_assert(sizeof(struct saved_context) == 64, "start.S moves the stack pointer by this");

void *board_context_create(void *stack, size_t bytes, board_entry entry)
{
    uintptr_t top = ((uintptr_t)stack + bytes) & ~(uintptr_t)15;
    struct saved_context *saved = (struct saved_context *)top - 1;
    memset(saved, 0, sizeof *saved);
    saved->return_to = task_trampoline;
    saved->s1 = entry;
    return saved;
}

/* ---- cores ---- */

/* Fences and a volatile word, not atomics: they would be library calls where there is no A extension. */
void board_core_start(board_entry entry)
{
    __asm__ volatile("fence" ::: "memory");
    second_entry = entry;
}

void board_second_main(void)
{
    while (second_entry == NULL) {
    }
    __asm__ volatile("fence" ::: "memory");
    second_entry();
}

void board_main(void)
{
    (void)main();
    board_exit(BOARD_PASSED);
}

/* ---- another bus master ---- */

/* The emulator's own configuration device writes into memory by itself. Its words are big-endian; writing the second half of
 * the register starts it, and it is done when the write returns. Item 0 is "QEMU"; what is asked for beyond that is zeros. */
void board_dma(void *to, uint32_t bytes)
{
    enum { READ = 2, SELECT = 8 };
    static volatile uint32_t request[4]; /* control, length, address */
    volatile uint32_t *device = (volatile uint32_t *)(uintptr_t)DMA_REGISTER;
    request[0] = __builtin_bswap32(SELECT | READ);
    request[1] = __builtin_bswap32(bytes);
    request[2] = 0;
    request[3] = __builtin_bswap32((uint32_t)(uintptr_t)to);
    device[0] = 0;
    device[1] = __builtin_bswap32((uint32_t)(uintptr_t)request);
    while (request[0] != 0) {
    }
}

/* ---- arguments ---- */

/* The device tree holds the emulator's -append as text. A whole parser would find the same bytes. */
static size_t device_tree_bytes(const uint8_t *tree)
{
    return (size_t)tree[4] << 24 | (size_t)tree[5] << 16 | (size_t)tree[6] << 8 | tree[7];
}

const char *board_argument(const char *name)
{
    const char *tree = (const char *)board_device_tree;
    size_t bytes = device_tree_bytes((const uint8_t *)tree);
    size_t length = strlen(name);
    for (size_t i = 0; i + length < bytes; i++) {
        if (memcmp(tree + i, name, length) == 0) {
            return tree + i + length;
        }
    }
    return NULL;
}

/* Cores in the device tree: each has a node "cpu@N" under /cpus. */
unsigned board_core_count(void)
{
    char name[] = "cpu@1";
    while (name[4] < '0' + (int)BOARD_CORES && board_argument(name) != NULL)
        name[4]++;
    return (unsigned)(name[4] - '0');
}

/* The note is three words, "GNU\0", and the 20 bytes. */
void memtrace_port_build_id(uint8_t out[20])
{
    enum { NOTE_HEAD = 16 };
    if ((uintptr_t)board_build_id_end - (uintptr_t)board_build_id_start >= NOTE_HEAD + 20) {
        memcpy(out, board_build_id_start + NOTE_HEAD, 20);
    }
}
