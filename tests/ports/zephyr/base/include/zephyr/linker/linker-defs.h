/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ZEPHYR_LINKER_DEFS_H
#define ZEPHYR_LINKER_DEFS_H

extern char __text_region_start[];
extern char __text_region_end[];

#endif
