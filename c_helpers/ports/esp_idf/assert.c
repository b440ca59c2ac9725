/* SPDX-License-Identifier: Apache-2.0
 *
 * A failed assertion while flash is written: then its texts, which lie in flash, cannot be read. tlsf's assertions come here because IDF's
 * heap component is compiled with -Dmemtrace_assert_failed=memtrace_assert_failed_readable.
 */
#include "memtrace_esp_idf.h"
#include "soc/soc_memory_layout.h"

bool spi_flash_cache_enabled(void); /* in private headers, of another name in each version */

static const char *text_readable(const char *text)
{
    return spi_flash_cache_enabled() || !esp_ptr_in_drom(text) ? text : NULL;
}

void memtrace_assert_failed_readable(struct memtrace_caller caller, const char *text, unsigned line,
                                     const char *function)
{
    memtrace_assert_failed(caller, text_readable(text), line, text_readable(function));
}
