/* SPDX-License-Identifier: Apache-2.0
 *
 * The log over the console's serial line, between its text: by the ROM's function, which polls, so it serves at an assertion, too.
 */
#include "esp_idf_version.h"
#include "memtrace_esp_idf.h"
#include "sdkconfig.h"
#include "uart_frames.h"

#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 3, 0)
#define ROM_SEND esp_rom_output_tx_one_char
#else
#define ROM_SEND esp_rom_uart_tx_one_char
#endif

int ROM_SEND(uint8_t character); /* its header has another name in each version */

static bool line_send(struct memtrace_uart *uart, const uint8_t *bytes, size_t count)
{
    (void)uart;
    for (size_t i = 0; i < count; i++)
        (void)ROM_SEND(bytes[i]);
    return true;
}

static struct memtrace_uart line = {.send = line_send};

struct memtrace_output *memtrace_esp_idf_output(void)
{
    memtrace_uart_open(&line);
    line.output.polled = true;
    return &line.output;
}
