/* SPDX-License-Identifier: Apache-2.0
 *
 * A stand-in for NuttX: its names, prototypes and files as far as a port of the recorder meets them, in our own words.
 */
#ifndef NUTTX_COMPILER_H
#define NUTTX_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAR

typedef uint64_t clock_t;
typedef uint32_t irqstate_t;
typedef int32_t pid_t;

#endif
