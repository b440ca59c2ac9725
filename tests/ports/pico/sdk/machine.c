/* SPDX-License-Identifier: Apache-2.0
 *
 * One core in QEMU: its locks exclude interrupts, and stop the program that takes one twice or unclaimed.
 */
#include <stdbool.h>
#include <stddef.h>

#include "book.h"
#include "hardware/sync.h"
#include "hardware/timer.h"
#include "pico/platform.h"

_Noreturn void panic(const char *text, ...);

timer_hw_t machine_timer = {0, 5u << 20};

static spin_lock_t locks[32];
static bool claimed[32];

/* The program's end, with what it knows until then. */
_Noreturn void panic(const char *text, ...)
{
    (void)text;
    book_print();
    for (;;) {
    }
}

unsigned get_core_num(void)
{
    return 0;
}

unsigned __get_current_exception(void)
{
    unsigned number = 0;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    return number;
}

spin_lock_t *spin_lock_instance(uint number)
{
    return &locks[number];
}

void spin_lock_claim(uint number)
{
    if (claimed[number])
        panic("the lock has been claimed");
    claimed[number] = true;
}

uint32_t spin_lock_blocking(spin_lock_t *lock)
{
    uint32_t saved = 0;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(saved) : : "memory");
    if (*lock != 0 || !claimed[lock - locks])
        panic("the lock is held, or nobody's");
    *lock = 1;
    return saved;
}

void spin_unlock(spin_lock_t *lock, uint32_t saved)
{
    *lock = 0;
    __asm__ volatile("msr primask, %0" : : "r"(saved) : "memory");
}
