/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ZEPHYR_INIT_H
#define ZEPHYR_INIT_H

struct init_entry {
    int (*init)(void);
};

#define SYS_INIT(function, level, priority) \
    __attribute__((section(".z_init_" #level "_P_" #priority "_"), \
                   used)) static const struct init_entry init_##function = {function}

#endif
