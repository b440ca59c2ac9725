/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the first of many words in a text, in one pass. */
#ifndef MEMTRACE_ENGINE_WORDS_H
#define MEMTRACE_ENGINE_WORDS_H

#include <stddef.h>
#include <stdint.h>

#define WORDS_MOST 256U
#define WORDS_SHORTEST 2U /* bytes */

struct words_word {
    const unsigned char *text;
    size_t size; /* bytes, WORDS_SHORTEST at least */
};

/* Up to WORDS_MOST words, and the pairs of bytes that they begin with. */
struct words {
    struct words_word word[WORDS_MOST];
    size_t count;
    uint8_t begins[1U << 13]; /* a bit for each pair */
};

/* Takes a word, which must stay where it is. There must be room for it. */
void words_add(struct words *words, const unsigned char *text, size_t size);

/* Returns the place of the first word from `start` on; `size` if there is none. */
size_t words_find(const struct words *words, const unsigned char *text, size_t size, size_t start);

#endif
