/* SPDX-License-Identifier: Apache-2.0
 *
 * A station that reads its sensors and reports each on a line. Something in it writes over the heap.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"

#define FUNCTION __attribute__((noinline)) /* a frame of its own in every backtrace */

enum { LINE_BYTES = 24, SETTINGS = 24 };

struct sensor {
    const char *name;
    const char *unit;
};

struct sample {
    uint32_t time;
    uint32_t value;
    uint32_t quality;
};

static const struct sensor pressure = {"pressure", "hPa"};
static const struct sensor supply = {"supply voltage", "millivolts"};
uint32_t *settings[SETTINGS];

/* ---- the board ---- */

static void print(const char *text)
{
    volatile uint8_t *uart = (volatile uint8_t *)(uintptr_t)0x10000000u;
    for (; *text != '\0'; text++) {
        *uart = (uint8_t)*text;
    }
}

/* QEMU's test finisher: the emulator ends with this status. */
static _Noreturn void power_off(uint32_t status)
{
    *(volatile uint32_t *)(uintptr_t)0x100000u = status == 0 ? 0x5555u : status << 16 | 0x3333u;
    for (;;) {
    }
}

/* What an assertion of the allocator ends in. */
_Noreturn void abort(void)
{
    print("abort\n");
    power_off(1);
}

/* ---- the station ---- */

static FUNCTION void settings_load(void)
{
    for (uint32_t i = 0; i < SETTINGS; i++) {
        settings[i] = malloc(sizeof *settings[i]);
        *settings[i] = i;
    }
}

static FUNCTION struct sample *sample_take(uint32_t time)
{
    struct sample *sample = malloc(sizeof *sample);
    *sample = (struct sample){time, 1000 + time % 7, 100};
    return sample;
}

static FUNCTION char *line_create(void)
{
    return malloc(LINE_BYTES);
}

static FUNCTION void line_fill(char *line, const struct sensor *sensor)
{
    strcpy(line, sensor->name);
    strcat(line, " in ");
    strcat(line, sensor->unit);
}

static FUNCTION void sensor_report(const struct sensor *sensor, uint32_t time)
{
    char *line = line_create();
    struct sample *sample = sample_take(time);
    line_fill(line, sensor);
    print(line);
    print("\n");
    free(sample);
    free(line);
}

FUNCTION void station_done(void)
{
    print("done\n");
}

int main(void)
{
    heap_init();
    settings_load();
    for (uint32_t time = 0; time < 100; time++) {
        sensor_report(time % 60 == 59 ? &supply : &pressure, time);
    }
    station_done();
    power_off(0);
}
