/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of the firmware goes into the emulator's flash: Intel's commands, two 16-bit chips side by side, sectors of 256 KiB, of which
 * the ring has four behind the first one: with a flash the emulator starts in that. A timer drains, as the driver needs nobody.
 */
#include "board.h"
#include "firmware.h"
#include "flash_ring.h"
#include "memtrace.h"

#define FLASH_BASE 0x20040000u
#define SECTOR_BITS 18u
#define SECTORS 4u
#define BOTH 0x00010001u /* a command for each chip */
#define SINK_BYTES 4096u
#define POLL_TICKS 2000u /* of 100 ns */

enum { BUFFER = 0xe8, ERASE = 0x20, CONFIRM = 0xd0, CLEAR = 0x50, STATUS = 0x70, READ = 0xff, READY = 0x80 };

static struct memtrace_flash_ring ring;
static uint64_t sink_memory[SINK_BYTES / 8];
static uint32_t polled = UINT32_MAX; /* events, after which only an assertion drains */

static volatile uint32_t *flash_word(uint32_t offset)
{
    return (volatile uint32_t *)(uintptr_t)(FLASH_BASE + offset);
}

/* Waits until both chips are done; they give their data again. false: one has refused. */
static bool flash_wait(volatile uint32_t *word)
{
    uint32_t status = 0;
    do {
        *word = STATUS * BOTH;
        status = *word;
    } while ((status & READY * BOTH) != READY * BOTH);
    *word = CLEAR * BOTH;
    *word = READ * BOTH;
    return status == READY * BOTH;
}

static bool flash_read(struct memtrace_flash_ring *of, uint32_t offset, void *bytes, size_t count)
{
    (void)of;
    const volatile uint8_t *from = (const volatile uint8_t *)flash_word(offset);
    for (size_t i = 0; i < count; i++)
        ((uint8_t *)bytes)[i] = from[i];
    return true;
}

static bool flash_program(struct memtrace_flash_ring *of, uint32_t offset, const void *bytes, size_t count)
{
    (void)of;
    const uint8_t *next = bytes;
    volatile uint32_t *word = flash_word(offset);
    *word = BUFFER * BOTH;
    *word = (uint32_t)(count / 4 - 1) * BOTH;
    for (size_t i = 0; i < count; i += 4)
        word[i / 4] = next[i] | (uint32_t)next[i + 1] << 8 | (uint32_t)next[i + 2] << 16 | (uint32_t)next[i + 3] << 24;
    *word = CONFIRM * BOTH;
    return flash_wait(word);
}

static bool flash_erase(struct memtrace_flash_ring *of, uint32_t offset)
{
    (void)of;
    volatile uint32_t *word = flash_word(offset);
    *word = ERASE * BOTH;
    *word = CONFIRM * BOTH;
    return flash_wait(word);
}

void sink_poll(void)
{
    struct memtrace_statistics numbers;
    if (memtrace_stats(&numbers) && numbers.recorded < polled)
        memtrace_sink_poll();
}

bool sink_begin(void)
{
    argument_number("polled=", &polled);
    ring = (struct memtrace_flash_ring){
        .read = flash_read,
        .program = flash_program,
        .erase = flash_erase,
        .sectors = SECTORS,
        .sector_bits = SECTOR_BITS,
        .unit_bytes = 4,
    };
    if (!memtrace_flash_ring_open(&ring) || !memtrace_sink_start(sink_memory, sizeof sink_memory, &ring.output))
        return false;
    board_timer_start(POLL_TICKS, sink_poll);
    return true;
}
