/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands for the SDK's spin locks. A machine says what they do.
 */
#ifndef HARDWARE_SYNC_H
#define HARDWARE_SYNC_H

#include <stdint.h>

typedef unsigned uint;
typedef volatile uint32_t spin_lock_t;

spin_lock_t *spin_lock_instance(uint number);
void spin_lock_claim(uint number);
uint32_t spin_lock_blocking(spin_lock_t *lock);
void spin_unlock(spin_lock_t *lock, uint32_t saved);

#endif
