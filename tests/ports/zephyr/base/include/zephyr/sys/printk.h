/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ZEPHYR_PRINTK_H
#define ZEPHYR_PRINTK_H

void printk(const char *format, ...);

#endif
