/* SPDX-License-Identifier: Apache-2.0
 *
 * The log in a file of SPIFFS, FAT or LittleFS, on flash or a card, as soon as the program has mounted it.
 */
#include <dirent.h>

#include "memtrace_esp_idf.h"
#include "memtrace_file.h"
#include "sdkconfig.h"

static struct memtrace_file file;

struct memtrace_output *memtrace_esp_idf_output(void)
{
    static const struct memtrace_file_config config = {
        .folder = CONFIG_MEMTRACE_SINK_FOLDER,
        .name = CONFIG_MEMTRACE_SINK_NAME,
        .max_bytes = CONFIG_MEMTRACE_SINK_LIMIT_BYTES,
        .two_in_turn = CONFIG_MEMTRACE_SINK_LIMIT_BYTES != 0,
    };
    DIR *folder = opendir(CONFIG_MEMTRACE_SINK_FOLDER);
    if (folder == NULL)
        return NULL;
    closedir(folder);
    return memtrace_file_open(&file, &config) ? &file.output : NULL;
}
