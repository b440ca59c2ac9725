/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NUTTX_CLOCK_H
#define NUTTX_CLOCK_H

#include <nuttx/compiler.h>

#define TICK_PER_SEC 1000

clock_t clock_systime_ticks(void);

#endif
