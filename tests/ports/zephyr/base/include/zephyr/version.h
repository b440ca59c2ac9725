/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ZEPHYR_VERSION_H
#define ZEPHYR_VERSION_H

#define ZEPHYR_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
#define ZEPHYR_VERSION_CODE ZEPHYR_VERSION(4, 1, 0)

#endif
