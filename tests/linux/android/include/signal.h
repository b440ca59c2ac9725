/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <sys/types.h>
#define NSIG 65
int sigaction(int number, const struct sigaction *action, struct sigaction *before);
