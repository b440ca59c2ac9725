/* SPDX-License-Identifier: Apache-2.0 */
#include "esp_heap_caps.h"
#include "freertos/task.h"

void *pvPortMalloc(size_t size)
{
    return heap_caps_malloc(size, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
}

void vPortFree(void *block)
{
    heap_caps_free(block);
}
