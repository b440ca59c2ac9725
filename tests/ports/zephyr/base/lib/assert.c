/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>
#include <zephyr/sys/__assert.h>

__attribute__((weak)) void assert_post_action(const char *file, unsigned int line)
{
    (void)file;
    (void)line;
    k_panic();
}
