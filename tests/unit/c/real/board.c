/* SPDX-License-Identifier: Apache-2.0
 *
 * real_run's counterpart on the emulated board: the program runs before the scheduler, and the console gets the ring in hex.
 */
#include "board.h"
#include "memtrace.h"

extern void program(void);

static uint64_t ring[64 * 1024 / 8];

static void print_hex(const uint8_t *bytes, size_t count)
{
    char text[] = "00";
    for (size_t i = 0; i < count; i++) {
        text[0] = "0123456789abcdef"[bytes[i] >> 4];
        text[1] = "0123456789abcdef"[bytes[i] & 15u];
        board_print(text);
    }
}

int main(void)
{
    if (!memtrace_init(ring, sizeof ring, NULL))
        board_exit(BOARD_ABORTED);
    program();
    memtrace_stop();
    print_hex((const uint8_t *)ring, memtrace_ring->total_size);
    return 0;
}
