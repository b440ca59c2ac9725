/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NUTTX_ARCH_H
#define NUTTX_ARCH_H

#include <nuttx/compiler.h>

struct tcb_s;

uintptr_t up_get_intstackbase(int cpu);
void up_initial_state(FAR struct tcb_s *tcb, void (*start)(void));
void up_switch_context(FAR void **save, FAR void *regs);
void up_interrupt_now(void (*handler)(void)); /* raises an interrupt, whose handler has run when it returns */
void up_stop(void);

#endif
