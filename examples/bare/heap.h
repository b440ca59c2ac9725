/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEAP_H
#define HEAP_H

/* Makes the heap and starts the recorder; before the first malloc. */
void heap_init(void);

#endif
