// SPDX-License-Identifier: Apache-2.0
//
// A sketch that loses a block with each reading. It prints first whether memtrace's hooks work, then what lives; a debugger, or a core dump,
// says where each block comes from.
#include <memtrace.h>
#include <memtrace_selftest.h>

struct Reading {
    char *name;
    float *values;
};

static Reading *reading_take(unsigned number)
{
    Reading *reading = new Reading;
    char name[24];
    snprintf(name, sizeof name, "reading %u", number);
    reading->name = strdup(name);
    reading->values = static_cast<float *>(calloc(16, sizeof(float)));
    return reading;
}

// The name is forgotten.
static void reading_drop(Reading *reading)
{
    free(reading->values);
    delete reading;
}

void setup()
{
    Serial.begin(115200);
    Serial.println(memtrace_selftest_text(memtrace_selftest()));
    memtrace_mark("setup");
}

void loop()
{
    static unsigned number;
    reading_drop(reading_take(number++));
    memtrace_statistics now;
    if (number % 100 == 0 && memtrace_stats(&now))
        Serial.printf("%u blocks of %u bytes live, of those that are known\n", (unsigned)now.live_blocks, (unsigned)now.live_bytes);
    delay(100);
}
