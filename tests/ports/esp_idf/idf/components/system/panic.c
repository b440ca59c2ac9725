/* SPDX-License-Identifier: Apache-2.0 */
#include "system.h"

void panic_abort(const char *details) __attribute__((noreturn));
void xt_unhandled_exception(void *frame);

void panic_abort(const char *details)
{
    panic_hook(details);
    for (;;)
        machine_exit();
}

void xt_unhandled_exception(void *frame)
{
    (void)frame;
    if (flash_cache_enabled)
        panic_hook("fault");
    machine_exit();
}

void machine_exit(void)
{
    *(volatile unsigned *)0x100000 = 0x5555;
}

/* A locked entry binds machine mode, too: 1 MiB from 0x80000000 on. */
void flash_off(void)
{
    flash_cache_enabled = false;
    __asm__ volatile("csrw pmpaddr0, %0\n\tcsrw pmpcfg0, %1"
                     :
                     : "r"(0x80000000u >> 2 | 0x1ffffu), "r"(0x98)
                     : "memory");
}
