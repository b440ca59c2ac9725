/* SPDX-License-Identifier: Apache-2.0
 *
 * A station that reads its sensors and reports each on a line. Something in it writes over the heap.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"

enum { LINE_BYTES = 24, SETTINGS = 24 };

struct sample {
    uint32_t time, value, quality;
};

uint32_t *settings[SETTINGS];

static FUNCTION void settings_load(void)
{
    for (uint32_t i = 0; i < SETTINGS; i++)
        settings[i] = calloc(1, sizeof *settings[i]);
}

static FUNCTION struct sample *sample_take(uint32_t time)
{
    struct sample *sample = malloc(sizeof *sample);
    *sample = (struct sample){time, 1000 + time % 7, 100};
    return sample;
}

static FUNCTION void line_fill(char *line, const char *name, const char *unit)
{
    strcpy(line, name);
    strcat(line, " in ");
    strcat(line, unit);
}

static FUNCTION void sensor_report(const char *name, const char *unit, uint32_t time)
{
    char *line = malloc(LINE_BYTES);
    struct sample *sample = sample_take(time);
    line_fill(line, name, unit);
    board_print(line);
    board_print("\n");
    free(sample);
    free(line);
}

int main(void)
{
    settings_load();
    for (uint32_t time = 0; time < 100; time++) {
        int supply = time % 60 == 59; /* once an hour */
        sensor_report(supply ? "supply voltage" : "pressure", supply ? "millivolts" : "hPa", time);
    }
    board_power_off();
}
