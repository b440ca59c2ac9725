/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands for the SDK's questions about who runs. A machine answers.
 */
#ifndef PICO_PLATFORM_H
#define PICO_PLATFORM_H

unsigned get_core_num(void);
unsigned __get_current_exception(void);

#endif
