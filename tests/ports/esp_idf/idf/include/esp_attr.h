/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ESP_ATTR_H
#define ESP_ATTR_H

#define IRAM_ATTR __attribute__((section(".iram1.fake")))
#define EXT_RAM_BSS_ATTR __attribute__((section(".ext_ram.bss")))
#define COREDUMP_DRAM_ATTR __attribute__((section(".dram2.coredump")))
#define __NOINIT_ATTR __attribute__((section(".noinit")))
#define RTC_NOINIT_ATTR __attribute__((section(".rtc_noinit")))

#endif
