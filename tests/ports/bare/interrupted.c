/* SPDX-License-Identifier: Apache-2.0
 *
 * A block of the program, and one that an interrupt takes meanwhile.
 */
#include <stdint.h>
#include <stdlib.h>

#include "book.h"

void user_interrupt(void);

void user_interrupt(void)
{
    TAKES(user_interrupt, 11, malloc(11), free(block));
}

USER(user_program)
{
    void *block = malloc(22);
    book_got((uintptr_t)block, 22, user_program);
    *(volatile uint32_t *)(uintptr_t)0xe000ed04u = 1u << 28; /* ICSR.PENDSVSET */
    __asm__ volatile("dsb\n\tisb" : : : "memory");
    book_gave((uintptr_t)block, user_program);
    free(block);
}

int main(void)
{
    user_program();
    book_print();
    return 0;
}
