/* SPDX-License-Identifier: Apache-2.0
 *
 * A logger of temperatures. It sends each reading as a line of text, and grows.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pico/stdlib.h"

enum { READINGS = 100, LINE_BYTES = 32, TOO_HOT = 60 };

struct reading {
    int celsius;
    char *line;
};

static char *line_create(int celsius)
{
    char *line = malloc(LINE_BYTES);
    snprintf(line, LINE_BYTES, "temperature %d", celsius);
    return line;
}

static struct reading *reading_take(int number)
{
    struct reading *reading = malloc(sizeof *reading);
    reading->celsius = 40 + number % 25;
    reading->line = line_create(reading->celsius);
    return reading;
}

static void reading_send(struct reading *reading)
{
    if (reading->celsius >= TOO_HOT) {
        puts("too hot");
        free(reading);
        return;
    }
    puts(reading->line);
    free(reading->line);
    free(reading);
}

void logger_done(void)
{
    puts("done");
}

int main(void)
{
    stdio_init_all();
    for (int number = 0; number < READINGS; number++)
        reading_send(reading_take(number));
    logger_done();
    for (;;)
        tight_loop_contents();
}
