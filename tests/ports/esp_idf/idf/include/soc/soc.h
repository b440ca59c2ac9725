/* SPDX-License-Identifier: Apache-2.0
 *
 * The chip: QEMU's virt machine, divided as an ESP32's memory is (link.ld).
 */
#ifndef SOC_H
#define SOC_H

#define SOC_IROM_LOW 0x80000000u /* flash */
#define SOC_IROM_HIGH 0x80100000u
#define SOC_IRAM_LOW 0x80400000u
#define SOC_IRAM_HIGH 0x80440000u
#define SOC_IROM_MASK_LOW 0x80440000u /* the ROM */
#define SOC_IROM_MASK_HIGH 0x80480000u
#define SOC_ROM_STACK_START 0x80500000u
#define SOC_ROM_STACK_SIZE 0x2000
#define SOC_DRAM_HEAP 0x80510000u
#define SOC_DRAM_HEAP_BYTES 0x8000u
#define SOC_DIRAM_LOW 0x80520000u
#define SOC_DIRAM_IRAM_LOW 0x80530000u
#define SOC_DIRAM_BYTES 0x2000u
#define SOC_EXTRAM_LOW 0x80600000u
#define SOC_EXTRAM_BYTES 0x10000u

#endif
