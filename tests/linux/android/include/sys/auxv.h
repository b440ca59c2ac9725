/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <linux/auxvec.h>
unsigned long getauxval(unsigned long type);
