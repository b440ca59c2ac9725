/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/fatal.h>
#include <zephyr/kernel.h>

void k_panic(void)
{
    z_fatal_error(K_ERR_KERNEL_PANIC, NULL);
}
