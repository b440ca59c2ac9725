/* SPDX-License-Identifier: Apache-2.0
 *
 * The console's serial line, by the ROM's function: it polls, so it serves in interrupts and at assertions, too.
 */
#include "esp_idf_version.h"
#include "memtrace_esp_idf.h"

#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 3, 0)
#define ROM_SEND esp_rom_output_tx_one_char
#else
#define ROM_SEND esp_rom_uart_tx_one_char
#endif

int ROM_SEND(uint8_t character); /* its header has another name in each version */

void memtrace_esp_idf_send(const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)ROM_SEND(((const uint8_t *)bytes)[i]);
}
