/* SPDX-License-Identifier: Apache-2.0
 *
 * What thumb.h says of code that lies in this program's memory. `rules CODE BASE < ADDRESSES` prints the rule of each return address;
 * `rules fuzz SEED ROUNDS` asks of random bytes, and of code bent at random, and counts the looks that an answer takes.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uintptr_t code_low, code_high;
static uint64_t looks;

static bool memtrace_port_is_code(uintptr_t pc)
{
    looks++;
    return pc >= code_low && pc < code_high;
}

#include "arch/thumb.h"

enum { LOOKS_MOST = 60000 };

/* Halfwords of which prologues, epilogues, constants and their loads are made. */
static const uint16_t parts[] = {0xb500, 0xb5f0, 0xb5e0, 0xb580, 0xe92d, 0x4ff0, 0x41f0, 0xb082, 0xb0ff, 0xb40f, 0xed2d,
                                 0x8b04, 0xf2ad, 0x0d04, 0xf5ad, 0x7d00, 0x4801, 0x4c7f, 0x44a5, 0x46bd, 0x469d, 0xebad,
                                 0x0d03, 0xf7ff, 0xfffe, 0xffff, 0xd0fe, 0xe7fe, 0xbd10, 0x4770, 0x4646, 0x0000};

static void code_set(void *code, size_t bytes)
{
    code_low = (uintptr_t)code;
    code_high = code_low + bytes;
}

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void check(uint32_t rule)
{
    uint32_t words = rule & 7u;
    if (rule != 0 && (words == 0 || words > 5 || rule >= THUMB_LONGEST || (rule & ~7u) < words * 4)) {
        fprintf(stderr, "no rule: %" PRIx32 "\n", rule);
        exit(1);
    }
    if (looks > LOOKS_MOST) {
        fprintf(stderr, "%" PRIu64 " looks\n", looks);
        exit(1);
    }
}

/* Every other halfword seems to be a push, and all before it seem to load it. */
static void loads_make(uint16_t *code, size_t halves, uint32_t *state)
{
    for (size_t i = 0; i < halves; i++) {
        size_t words = (i + 2) / 2 + random_next(state) % 256;
        code[i] = random_next(state) % 2 == 0 ? 0xb500u : (uint16_t)(0x4800u | (words - (i + 2) / 2));
    }
}

/* Blocks of just the size that they claim, so that a sanitizer sees each look beside them. */
static int fuzz(uint32_t state, unsigned rounds)
{
    uint64_t most = 0;
    unsigned known = 0;
    for (unsigned round = 0; round < rounds; round++) {
        size_t halves = 1 + random_next(&state) % (round % 16 == 0 ? 20000 : 300);
        uint16_t *code = malloc(halves * 2);
        unsigned kind = random_next(&state) % 4;
        for (size_t i = 0; i < halves; i++) {
            code[i] = (uint16_t)random_next(&state);
            if (kind == 0 || (kind == 1 && random_next(&state) % 4 == 0))
                code[i] = parts[random_next(&state) % (sizeof parts / sizeof parts[0])];
            if (kind == 2)
                code[i] = parts[round % (sizeof parts / sizeof parts[0])];
        }
        code_set(code, halves * 2);
        if (kind == 3)
            loads_make(code, halves, &state);
        for (unsigned i = 0; i < 8; i++) {
            uintptr_t pc = code_low + random_next(&state) % halves * 2;
            looks = 0;
            uint32_t rule = frame_rule_find(pc);
            (void)frame_is_called(pc);
            check(rule);
            known += rule != 0;
            most = looks > most ? looks : most;
        }
        free(code);
    }
    printf("%u known, %" PRIu64 " looks at most\n", known, most);
    return 0;
}

int main(int count, char **words)
{
    if (count == 4 && strcmp(words[1], "fuzz") == 0)
        return fuzz((uint32_t)strtoul(words[2], NULL, 0), (unsigned)strtoul(words[3], NULL, 0));
    static _Alignas(8) char code[4 << 20];
    FILE *file = count == 3 ? fopen(words[1], "rb") : NULL;
    if (file == NULL)
        return 2;
    code_set(code, fread(code, 1, sizeof code, file));
    fclose(file);
    uintptr_t base = (uintptr_t)strtoul(words[2], NULL, 0);
    for (unsigned long pc; scanf("%lx", &pc) == 1;)
        printf("%" PRIx32 "\n", frame_rule_find(code_low + (uintptr_t)pc - base));
    return 0;
}
