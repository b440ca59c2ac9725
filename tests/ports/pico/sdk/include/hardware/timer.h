/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands for the SDK's registers of the timer: the halves of its microseconds, read without a latch.
 */
#ifndef HARDWARE_TIMER_H
#define HARDWARE_TIMER_H

#include <stdint.h>

typedef struct {
    volatile uint32_t timerawh, timerawl;
} timer_hw_t;

extern timer_hw_t machine_timer;

#define timer_hw (&machine_timer)

#endif
