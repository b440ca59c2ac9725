/* SPDX-License-Identifier: Apache-2.0 */
#include "numbers.h"

enum { FIRST_CAPACITY = 64 };

/* Returns the entry of a number, or the free one where it would be. */
static struct numbers_entry *numbers_find(const struct numbers *numbers, uint64_t number)
{
    size_t at = (size_t)(number * numbers->multiplier >> 32) & (numbers->capacity - 1);
    while (numbers->entries[at].value != NULL && numbers->entries[at].number != number) {
        at = (at + 1) & (numbers->capacity - 1);
    }
    return &numbers->entries[at];
}

void *numbers_get(const struct numbers *numbers, uint64_t number)
{
    return numbers->capacity ? numbers_find(numbers, number)->value : NULL;
}

static bool numbers_widen(struct numbers *numbers, struct memory *memory)
{
    struct numbers wider = *numbers;
    size_t at;
    wider.capacity = numbers->capacity ? numbers->capacity * 2 : FIRST_CAPACITY;
    wider.entries = memory_new(memory, wider.capacity * sizeof *wider.entries);
    if (wider.entries == NULL) {
        return false;
    }
    for (at = 0; at < numbers->capacity; at++) {
        if (numbers->entries[at].value != NULL) {
            *numbers_find(&wider, numbers->entries[at].number) = numbers->entries[at];
        }
    }
    memory_release(memory, numbers->entries, numbers->capacity * sizeof *numbers->entries);
    *numbers = wider;
    return true;
}

bool numbers_put(struct numbers *numbers, struct memory *memory, uint64_t number, void *value)
{
    struct numbers_entry *entry;
    if (numbers->count * 2 >= numbers->capacity && !numbers_widen(numbers, memory)) {
        return false;
    }
    entry = numbers_find(numbers, number);
    numbers->count += entry->value == NULL;
    entry->number = number;
    entry->value = value;
    return true;
}

void numbers_clear(struct numbers *numbers, struct memory *memory)
{
    memory_release(memory, numbers->entries, numbers->capacity * sizeof *numbers->entries);
    numbers->entries = NULL;
    numbers->capacity = numbers->count = 0;
}
