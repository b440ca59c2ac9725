/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>

void z_thread_entry(void (*entry)(void *, void *, void *));
void z_thread_entry(void (*entry)(void *, void *, void *))
{
    entry(NULL, NULL, NULL);
    k_thread_abort(k_current_get());
}
