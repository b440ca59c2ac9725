/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ZEPHYR_ASSERT_H
#define ZEPHYR_ASSERT_H

void assert_post_action(const char *file, unsigned int line);

#ifdef CONFIG_ASSERT
#define __ASSERT_NO_MSG(test) ((test) ? (void)0 : assert_post_action(__FILE__, __LINE__))
#else
#define __ASSERT_NO_MSG(test) ((void)0)
#endif

#endif
