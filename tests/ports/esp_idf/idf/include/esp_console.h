/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ESP_CONSOLE_H
#define ESP_CONSOLE_H

typedef struct {
    const char *command, *help, *hint;
    int (*func)(int count, char **words);
    void *argtable;
} esp_console_cmd_t;

int esp_console_cmd_register(const esp_console_cmd_t *command);

#endif
