/* SPDX-License-Identifier: Apache-2.0
 *
 * Light poisoning: a canary in front of each block, checked by assert().
 */
#include "heap_private.h"

#define CANARY 0xabba1234u

struct head {
    uint32_t canary, size;
};

multi_heap_handle_t multi_heap_register(void *start, size_t size)
{
    return multi_heap_register_impl(start, size);
}

static void *poisoned(struct head *head, size_t size)
{
    if (head == NULL)
        return NULL;
    *head = (struct head){CANARY, (uint32_t)size};
    return head + 1;
}

static struct head *verify_allocated_region(void *p)
{
    struct head *head = (struct head *)p - 1;
    return head->canary == CANARY ? head : NULL;
}

void *multi_heap_malloc(multi_heap_handle_t heap, size_t size)
{
    return poisoned(multi_heap_malloc_impl(heap, size + sizeof(struct head)), size);
}

void multi_heap_free(multi_heap_handle_t heap, void *p)
{
    struct head *head = verify_allocated_region(p);
    assert(head != NULL);
    multi_heap_free_impl(heap, head);
}

void *multi_heap_realloc(multi_heap_handle_t heap, void *p, size_t size)
{
    struct head *head = verify_allocated_region(p);
    assert(head != NULL);
    return poisoned(multi_heap_realloc_impl(heap, head, size + sizeof *head), size);
}
