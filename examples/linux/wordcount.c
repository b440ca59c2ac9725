/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts the words of files, one file after the other. After each it frees what it has kept, and is larger than before.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memtrace_checkpoint.h"

enum { BUCKETS = 1024, LONGEST = 64 };

struct word {
    struct word *next;
    char *text;
    unsigned count;
};

static struct word *table[BUCKETS];
static unsigned words, kinds;

static char *text_copy(const char *text)
{
    char *copy = malloc(strlen(text) + 1); /* LINE: copy */
    return strcpy(copy, text);
}

static struct word **bucket_of(const char *text)
{
    unsigned hash = 5381;
    for (; *text != 0; text++)
        hash = hash * 33 + (unsigned char)*text;
    return &table[hash % BUCKETS];
}

/* Takes a copy of the word before it looks whether it has one. */
static void word_count(const char *text)
{
    char *copy = text_copy(text);
    struct word **bucket = bucket_of(copy);
    words++;
    for (struct word *word = *bucket; word != NULL; word = word->next) {
        if (strcmp(word->text, copy) == 0) {
            word->count++;
            return;
        }
    }
    struct word *word = malloc(sizeof *word);
    *word = (struct word){*bucket, copy, 1};
    *bucket = word;
    kinds++;
}

static void file_count(FILE *file)
{
    char text[LONGEST + 1];
    size_t length = 0;
    for (int c = getc(file); c != EOF; c = getc(file)) {
        if (isalnum(c) && length < LONGEST) {
            text[length++] = (char)tolower(c);
        } else if (length > 0) {
            text[length] = 0;
            word_count(text);
            length = 0;
        }
    }
}

static void words_free(void)
{
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        while (table[bucket] != NULL) {
            struct word *word = table[bucket];
            table[bucket] = word->next;
            free(word->text);
            free(word);
        }
    }
    words = kinds = 0;
}

int main(int count, char **paths)
{
    for (int number = 1; number < count; number++) {
        FILE *file = fopen(paths[number], "r");
        if (file == NULL) {
            perror(paths[number]);
            return 1;
        }
        file_count(file);
        fclose(file);
        printf("%s: %u words, %u different\n", paths[number], words, kinds);
        words_free();
        memtrace_checkpoint(paths[number]);
    }
    return 0;
}
