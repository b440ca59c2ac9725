/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ZEPHYR_FATAL_H
#define ZEPHYR_FATAL_H

enum k_fatal_error_reason {
    K_ERR_CPU_EXCEPTION,
    K_ERR_SPURIOUS_IRQ,
    K_ERR_STACK_CHK_FAIL,
    K_ERR_KERNEL_OOPS,
    K_ERR_KERNEL_PANIC
};

struct arch_esf;

void z_fatal_error(unsigned int reason, const struct arch_esf *esf);

#endif
