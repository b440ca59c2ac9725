/* SPDX-License-Identifier: Apache-2.0 */
#include "meanings.h"

#include <string.h>

static size_t meaning_bytes(size_t size)
{
    return offsetof(struct meaning, data) + size;
}

static void meaning_release(struct memory *memory, struct meaning *meaning)
{
    if (meaning != NULL && !meaning->is_used) {
        memory_release(memory, meaning, meaning_bytes(meaning->size));
    }
}

bool meanings_define(struct numbers *defined, struct memory *memory, uint64_t number, uint32_t kind, const void *data,
                     size_t size)
{
    struct meaning *made = memory_new(memory, meaning_bytes(size)), *before = numbers_get(defined, number);
    if (made == NULL) {
        return false;
    }
    made->kind = kind;
    made->size = (uint32_t)size;
    if (size != 0) {
        memcpy(made->data, data, size);
    }
    if (!numbers_put(defined, memory, number, made)) {
        meaning_release(memory, made);
        return false;
    }
    meaning_release(memory, before);
    return true;
}

static uint64_t meaning_hash(const struct meaning *meaning, uint64_t multiplier)
{
    uint64_t hash = meaning->kind + meaning->size * multiplier, word;
    size_t at, count;
    for (at = 0; at < meaning->size; at += sizeof word) {
        count = meaning->size - at < sizeof word ? meaning->size - at : sizeof word;
        word = 0;
        memcpy(&word, meaning->data + at, count);
        hash = (hash ^ word) * multiplier;
        hash ^= hash >> 29;
    }
    return hash;
}

static struct meaning *meanings_equal(struct meaning *first, const struct meaning *wanted)
{
    for (; first != NULL; first = first->same) {
        if (first->kind == wanted->kind && first->size == wanted->size &&
            memcmp(first->data, wanted->data, wanted->size) == 0) {
            return first;
        }
    }
    return NULL;
}

bool meanings_use(struct meanings *meanings, struct numbers *defined, struct memory *memory, uint64_t number,
                  uint64_t *own)
{
    struct meaning *meaning = numbers_get(defined, number), *first, *equal;
    uint64_t hash;
    *own = meaning != NULL && meaning->is_used ? meaning->number : number;
    if (meaning == NULL || meaning->is_used) {
        return true;
    }
    hash = meaning_hash(meaning, meanings->contents.multiplier);
    first = numbers_get(&meanings->contents, hash);
    equal = meanings_equal(first, meaning);
    if (equal != NULL) {
        *own = equal->number;
        if (!numbers_put(defined, memory, number, equal)) {
            return false;
        }
        meaning_release(memory, meaning);
        return true;
    }
    if (numbers_get(&meanings->used, number) != NULL) {
        *own = MEANINGS_RENAMED + meanings->used.count;
    }
    meaning->number = *own;
    meaning->same = first;
    if (!numbers_put(&meanings->contents, memory, hash, meaning)) {
        return false;
    }
    meaning->is_used = true; /* `contents` has it now */
    return numbers_put(&meanings->used, memory, *own, meaning);
}

void meanings_forget(struct numbers *defined, struct memory *memory)
{
    size_t at;
    for (at = 0; at < defined->capacity; at++) {
        meaning_release(memory, defined->entries[at].value);
    }
    numbers_clear(defined, memory);
}

void meanings_clear(struct meanings *meanings, struct memory *memory)
{
    struct meaning *meaning, *next;
    size_t at;
    for (at = 0; at < meanings->contents.capacity; at++) {
        for (meaning = meanings->contents.entries[at].value; meaning != NULL; meaning = next) {
            next = meaning->same;
            meaning->is_used = false;
            meaning_release(memory, meaning);
        }
    }
    numbers_clear(&meanings->used, memory);
    numbers_clear(&meanings->contents, memory);
}
