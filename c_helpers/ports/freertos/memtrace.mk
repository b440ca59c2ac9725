# SPDX-License-Identifier: Apache-2.0
#
# memtrace for a Makefile: add MEMTRACE_SOURCES, MEMTRACE_CFLAGS and MEMTRACE_LDFLAGS to your own, before the first rule that uses them.
# With MEMTRACE = 0 they hold nothing but the folder of memtrace_freertos.h, which is empty then.

MEMTRACE ?= 1
MEMTRACE_PORT := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
MEMTRACE_HELPERS := $(patsubst %/ports/freertos,%,$(MEMTRACE_PORT))

MEMTRACE_SOURCES :=
MEMTRACE_CFLAGS := -I$(MEMTRACE_PORT)
MEMTRACE_LDFLAGS :=

ifeq ($(MEMTRACE),1)
MEMTRACE_SOURCES += $(wildcard $(MEMTRACE_HELPERS)/recorder/*.c $(MEMTRACE_PORT)/*.c) $(MEMTRACE_HELPERS)/wrap/memtrace_wrap.c
MEMTRACE_CFLAGS += -I$(MEMTRACE_HELPERS)/include -DMEMTRACE=1 -fno-omit-frame-pointer
MEMTRACE_LDFLAGS += -Wl,@$(MEMTRACE_PORT)/memtrace_freertos.wrap
endif
