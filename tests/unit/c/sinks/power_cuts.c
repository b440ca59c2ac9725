/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts the power of a program that logs into a flash ring, at each of its operations, and lets it start again:
 *
 *     power_cuts SECTORS SECTOR_BITS UNIT_BYTES WRITES
 *
 * writes to stdout a record for a run that is not cut, then three for each cut: of the run that is cut, of the same after the call
 * that was cut is made again, of a run behind it:
 *
 *     writes that were confirmed (4), number of the last sector (4), parts (4), for each the number of its first sector (4),
 *     the flash
 *
 * tests/unit/test_flash_ring.py says what the log must be then. A write is rows of 16 bytes: run, write, row, all ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flash_ring.h"
#include "memtrace_format.h"
#include "nor.h"

enum { PARTS_MAX = 4096, ROW_BYTES = 16, ROWS_MAX = 24 };

static struct nor flash;
static struct memtrace_flash_ring ring;
static uint32_t sector_bits, unit_bytes;
static uint32_t writes_wanted;

static uint32_t run; /* of the program that has power */
static uint32_t confirmed;
static uint32_t parts[PARTS_MAX];
static uint32_t parts_begun;

/* The call that is under way, as a sink keeps it over a reset. */
static uint32_t rows[ROWS_MAX][4];
static struct memtrace_header header;
static const void *pending;
static size_t pending_bytes; /* 0: none is */
static bool begins;          /* it is a run's first */

static bool flash_read(struct memtrace_flash_ring *of, uint32_t offset, void *bytes, size_t count)
{
    (void)of;
    return nor_read(&flash, offset, bytes, count);
}

static bool flash_program(struct memtrace_flash_ring *of, uint32_t offset, const void *bytes, size_t count)
{
    (void)of;
    return nor_program(&flash, offset, bytes, count);
}

static bool flash_erase(struct memtrace_flash_ring *of, uint32_t offset)
{
    (void)of;
    return nor_erase(&flash, offset);
}

static void fail(const char *what)
{
    fprintf(stderr, "%s: run %u, %u writes, %u wrong\n", what, run, confirmed, flash.wrong);
    exit(1);
}

static void pending_write(void)
{
    if (begins && !ring.output.begin(&ring.output))
        fail("the run was refused");
    if (!ring.output.write(&ring.output, pending, pending_bytes))
        fail("a write was refused");
    if (pending == &header)
        parts[parts_begun++] = ring.sector.part;
    else
        confirmed++;
    begins = false;
    pending_bytes = 0;
}

static void header_write(void)
{
    header = (struct memtrace_header){.magic = {MEMTRACE_MAGIC_FIRST, MEMTRACE_MAGIC_REST}, .byte_order = 1};
    header.header_size = sizeof header;
    header.run = run;
    pending = &header;
    pending_bytes = sizeof header;
    pending_write();
}

/* The program from its start to its end, or to where its power goes. */
static void program_run(uint32_t writes)
{
    uint32_t in_part = sizeof header;
    begins = true;
    header_write();
    while (confirmed < writes) {
        uint32_t bytes = ROW_BYTES * (1 + confirmed * 7 % ROWS_MAX);
        if (in_part + bytes > ring.output.part_bytes) {
            if (!ring.output.turn(&ring.output))
                fail("the turn was refused");
            header_write();
            in_part = sizeof header;
        }
        for (uint32_t row = 0; row < bytes / ROW_BYTES; row++)
            memcpy(rows[row], (uint32_t[]){run, confirmed, row, UINT32_MAX}, ROW_BYTES);
        pending = rows;
        pending_bytes = bytes;
        pending_write();
        in_part += bytes;
    }
}

static void ring_start(void)
{
    ring = (struct memtrace_flash_ring){.read = flash_read, .program = flash_program, .erase = flash_erase};
    ring.sectors = flash.size >> sector_bits;
    ring.sector_bits = (uint8_t)sector_bits;
    ring.unit_bytes = (uint8_t)unit_bytes;
    if (!memtrace_flash_ring_open(&ring))
        fail("the ring was not opened");
}

static void tell(void)
{
    if (flash.wrong != 0)
        fail("the flash was misused");
    fwrite(&confirmed, sizeof confirmed, 1, stdout);
    fwrite(&ring.sector.sequence, sizeof ring.sector.sequence, 1, stdout);
    fwrite(&parts_begun, sizeof parts_begun, 1, stdout);
    fwrite(parts, sizeof *parts, parts_begun, stdout);
    fwrite(flash.bytes, 1, flash.size, stdout);
}

static void program_start(uint32_t writes)
{
    confirmed = 0;
    parts_begun = 0;
    run++;
    if (setjmp(flash.power) == 0)
        program_run(writes);
    tell();
}

static void flash_new(uint32_t sectors, uint32_t cut_at, uint32_t cut_byte)
{
    nor_make(&flash, sectors << sector_bits, 1u << sector_bits, unit_bytes);
    flash.cut_at = cut_at;
    flash.cut_byte = cut_byte;
    flash.erases = (enum nor_order)(cut_at % 3);
    run = 0;
    pending_bytes = 0;
    ring_start();
}

/* The run that is cut, what a reset left of it, and one behind it that writes a third as much. */
static uint32_t cut_and_go_on(uint32_t sectors, uint32_t cut_at, uint32_t cut_byte)
{
    flash_new(sectors, cut_at, cut_byte);
    program_start(writes_wanted);
    uint32_t bytes = flash.last_bytes;
    flash.cut_at = 0;
    ring_start();
    if (pending_bytes != 0)
        pending_write();
    tell();
    program_start(writes_wanted / 3);
    return bytes;
}

int main(int count, char **arguments)
{
    if (count != 5)
        return 2;
    uint32_t sectors = (uint32_t)atoi(arguments[1]);
    sector_bits = (uint32_t)atoi(arguments[2]);
    unit_bytes = (uint32_t)atoi(arguments[3]);
    writes_wanted = (uint32_t)atoi(arguments[4]);
    flash_new(sectors, 0, 0);
    program_start(writes_wanted);
    uint32_t operations = flash.operations;
    for (uint32_t cut_at = 1; cut_at <= operations; cut_at++) {
        uint32_t bytes = cut_and_go_on(sectors, cut_at, 0);
        uint32_t inside[] = {1, cut_at * 11 % bytes, bytes - 1, bytes};
        for (unsigned i = 0; i < sizeof inside / sizeof *inside; i++)
            (void)cut_and_go_on(sectors, cut_at, inside[i]);
    }
    return 0;
}
