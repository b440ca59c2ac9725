/* SPDX-License-Identifier: Apache-2.0
 *
 * The ways in which the allocator dies, and two that are not its own. DEATH says which.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "soc/soc.h"
#include "system.h"

void death(void);

static char outside[16];

void death(void)
{
    char *block = malloc(40);
    char *other = malloc(40);
    void *volatile wild = outside;
    switch (DEATH) {
    case 1: /* tlsf's assertion, and ROM's */
        free(block);
        free(block);
        break;
    case 2: /* the poisoning's */
        memset(block - 8, 'x', 8);
        free(block);
        break;
    case 3: /* multi_heap's abort */
        free((void *)(uintptr_t)(SOC_DRAM_HEAP + 4u));
        break;
    case 4: /* heap_caps' assertion */
        free(wild);
        break;
    case 5:                         /* a fault in the lists */
        memset(block - 8, 0x14, 8); /* nothing lies at 0x14141414 */
        other = malloc(2000);
        break;
    case 6: /* the application's own */
        assert(block == other);
        break;
    default:
        abort();
    }
}

/* The book's end, however it came. */
void panic_hook(const char *details)
{
    (void)details;
    book_print();
}
