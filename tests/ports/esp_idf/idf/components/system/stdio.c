/* SPDX-License-Identifier: Apache-2.0
 *
 * The serial line: the ROM's function, the standard output, and a console that runs each command when it is registered.
 */
#include <stdint.h>
#include <stdio.h>

#include "esp_console.h"
#include "esp_idf_version.h"

#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 3, 0)
int esp_rom_output_tx_one_char(uint8_t character);
#define SEND esp_rom_output_tx_one_char
#else
int esp_rom_uart_tx_one_char(uint8_t character);
#define SEND esp_rom_uart_tx_one_char
#endif

int SEND(uint8_t character)
{
    *(volatile uint8_t *)0x10000000 = character;
    return 0;
}

static int put(char character, FILE *file)
{
    (void)file;
    return SEND((uint8_t)character);
}

static FILE line = FDEV_SETUP_STREAM(put, NULL, NULL, _FDEV_SETUP_WRITE);
FILE *const stdout = &line;

int esp_console_cmd_register(const esp_console_cmd_t *command)
{
    char *show[] = {"memtrace", "show"};
    char *mark[] = {"memtrace", "mark", "two words"};
    char *since[] = {"memtrace", "since", "two words"};
    return command->func(2, show) | command->func(3, mark) | command->func(3, since);
}
