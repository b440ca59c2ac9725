/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a debugger's program on the halted hart: loads, stores, addi, CSR accesses, fences, ended by ebreak or by the
 * buffer's end (an implicit ebreak stands there). Anything else, and an access that fails, is an exception.
 */
#ifndef PROGBUF_H
#define PROGBUF_H

#include <stdbool.h>
#include <stdint.h>

#include "hart.h"

bool progbuf_run(struct hart *hart, const uint32_t *program, unsigned length);

#endif
