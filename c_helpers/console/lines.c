/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of the console: "MT1 K field field #1234".
 *
 * Approach: a line is made in a buffer on the caller's stack and goes out in one piece, so that an output that keeps pieces whole keeps
 * lines whole. A record's form is a text, as for printf, and named by its number, which a call loads in one instruction.
 * Rejected: printf (4 KiB, and many take the heap); a function call for each field (a third more text); a static buffer (two tasks that
 * print would need a lock); decimal numbers (a division a digit, and longer).
 * Cost: 20 instructions a character beside the output's own.
 * Assumptions: none.
 */
#include "lines.h"

#define LINE_BREAK "\r\n"
#define ENDING_BYTES 8u /* " #1234\r\n" */

#define LINE_FORM_TEXT(name, text) text "\0"
static const char forms[] = LINE_FORMS(LINE_FORM_TEXT);

const char *text_of(const char *texts, unsigned number)
{
    while (number > 0)
        number -= *texts++ == '\0';
    return texts;
}

static void char_add(struct line *line, char character)
{
    if (line->used < LINE_BYTES)
        line->text[line->used++] = character;
}

static void text_add(struct line *line, const char *text)
{
    while (*text != '\0')
        char_add(line, *text++);
}

static void digits_add(struct line *line, memtrace_word number, unsigned digits)
{
    while (digits-- > 0) {
        unsigned digit = number >> 4u * digits & 0xfu;
        char_add(line, (char)(digit < 10u ? '0' + digit : 'a' - 10u + digit));
    }
}

static unsigned digits_of(memtrace_word number)
{
    unsigned digits = 1;
    while ((number >>= 4) != 0)
        digits++;
    return digits;
}

/* A '-' in front is escaped, too: alone it is an empty name. */
static void name_add(struct line *line, const char *name)
{
    if (name == NULL || *name == '\0')
        char_add(line, '-');
    for (unsigned i = 0; name != NULL && i < MEMTRACE_NAME_BYTES && name[i] != '\0'; i++) {
        bool plain = name[i] > ' ' && name[i] < 0x7f && name[i] != '%' && (name[i] != '-' || i != 0);
        char_add(line, plain ? name[i] : '%');
        if (!plain)
            digits_add(line, (uint8_t)name[i], 2);
    }
}

static void put(struct line *line, uint32_t from)
{
    line->output->put(line->output->context, line->text + from, line->used - from);
    line->used = 0;
}

/* CRC-16 of XMODEM: polynomial 0x1021, from 0. */
static uint32_t sum_of(const struct line *line)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < line->used; i++) {
        sum ^= (uint32_t)(uint8_t)line->text[i] << 8;
        for (unsigned bits = 8; bits > 0; bits--)
            sum = (sum << 1) ^ ((sum & 0x8000u) != 0 ? 0x11021u : 0u);
    }
    return sum;
}

static void end(struct line *line)
{
    if (line->used > LINE_BYTES - ENDING_BYTES)
        line->used = LINE_BYTES - ENDING_BYTES;
    uint32_t sum = sum_of(line);
    text_add(line, " #");
    digits_add(line, sum, 4);
    text_add(line, LINE_BREAK);
    put(line, 0);
}

void line_add(struct line *line, enum line_form form, const memtrace_word *value)
{
    if (line->used == 0)
        text_add(line, LINE_SIGN);
    for (const char *at = text_of(forms, form); *at != '\0'; at++) {
        switch (*at) {
        case '#':
            char_add(line, ' ');
            /* fallthrough */
        case '%':
            digits_add(line, *value, digits_of(*value));
            break;
        case '&':
            char_add(line, ' ');
            for (unsigned i = 0; i < 8; i++)
                digits_add(line, ((const uint8_t *)(uintptr_t)*value)[i], 2);
            break;
        case '@':
            char_add(line, ' ');
            name_add(line, (const char *)(uintptr_t)*value);
            break;
        case '~':
            text_add(line, (const char *)(uintptr_t)*value);
            break;
        case '$':
            char_add(line, (char)*value);
            break;
        case '\n':
            end(line);
            continue;
        default:
            char_add(line, *at);
            continue;
        }
        value++;
    }
}

void line_add_one(struct line *line, enum line_form form, memtrace_word value)
{
    line_add(line, form, &value);
}

void line_put_plain(struct line *line)
{
    text_add(line, LINE_BREAK);
    put(line, sizeof LINE_SIGN - 1u);
}
