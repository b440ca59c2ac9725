/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <linux/time.h>
#include <sys/types.h>
int clock_gettime(int clock, struct timespec *now);
time_t time(time_t *now);
