/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread answers requests and forgets every tenth buffer.
 */
#include <string.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

enum { BYTES = 100, KEPT = 10, PAUSE_MS = 50 };

static char *request_take(int number)
{
    char *buffer = k_malloc(BYTES);
    if (buffer != NULL)
        memset(buffer, number, BYTES);
    return buffer;
}

static void requests_answer(void *a, void *b, void *c)
{
    ARG_UNUSED(a);
    ARG_UNUSED(b);
    ARG_UNUSED(c);
    for (int number = 1;; number++) {
        char *buffer = request_take(number);
        if (buffer == NULL)
            printk("no memory for request %d\n", number);
        if (number % KEPT != 0)
            k_free(buffer);
        k_msleep(PAUSE_MS);
    }
}

K_THREAD_DEFINE(answering, 1024, requests_answer, NULL, NULL, NULL, 7, 0, 0);

int main(void)
{
    printk("answering requests\n");
    return 0;
}
