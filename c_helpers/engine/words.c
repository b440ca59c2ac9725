/* SPDX-License-Identifier: Apache-2.0
 *
 * Approach: a bit for each pair of bytes tells whether a word begins with it. Few places of a text pass, and only there
 * words are compared. Rejected: an automaton (its table does not stay in the cache); one search for each word.
 * Cost: about a nanosecond for each byte. */
#include "words.h"

#include <stdbool.h>
#include <string.h>

static size_t pair_at(const unsigned char *text)
{
    return (size_t)text[0] << 8 | text[1];
}

void words_add(struct words *words, const unsigned char *text, size_t size)
{
    const size_t pair = pair_at(text);
    words->word[words->count++] = (struct words_word){text, size};
    words->begins[pair >> 3] = (uint8_t)(words->begins[pair >> 3] | 1U << (pair & 7));
}

static bool is_word(const struct words *words, const unsigned char *text, size_t left)
{
    size_t number;
    for (number = 0; number < words->count; number++) {
        const struct words_word *word = &words->word[number];
        if (word->size <= left && pair_at(word->text) == pair_at(text) && memcmp(word->text, text, word->size) == 0) {
            return true;
        }
    }
    return false;
}

size_t words_find(const struct words *words, const unsigned char *text, size_t size, size_t start)
{
    size_t at;
    for (at = start; at + WORDS_SHORTEST <= size; at++) {
        const size_t pair = pair_at(text + at);
        if ((words->begins[pair >> 3] >> (pair & 7) & 1) != 0 && is_word(words, text + at, size - at)) {
            return at;
        }
    }
    return size;
}
