/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <linux/prctl.h>
int prctl(int option, ...);
