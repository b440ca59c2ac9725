/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's application.
 */
#include <stdlib.h>

#include "esp_heap_caps.h"
#include "system.h"

void app_main(void);

void app_main(void)
{
    void *volatile buffer = malloc(100);
    free(buffer);
    heap_caps_free(heap_caps_calloc(4, 10, MALLOC_CAP_SPIRAM));
}

void panic_hook(const char *details)
{
    (void)details;
}
