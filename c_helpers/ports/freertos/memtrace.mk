# SPDX-License-Identifier: Apache-2.0
#
# memtrace for a Makefile: add MEMTRACE_SOURCES, MEMTRACE_CFLAGS and MEMTRACE_LDFLAGS to your own, before the first rule that uses them.
# With MEMTRACE = 0 they hold nothing but the folder of memtrace_freertos.h, which is empty then.
#
# MEMTRACE_WITH, set before, names what more is wanted: selftest console uart file.

MEMTRACE ?= 1
MEMTRACE_WITH ?=
MEMTRACE_PORT := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
MEMTRACE_HELPERS := $(patsubst %/ports/freertos,%,$(MEMTRACE_PORT))

memtrace_sink := sinks/memtrace_sink.c sinks/sink.c sinks/ring_view.c log/memtrace_log.c
memtrace_selftest := selftest/memtrace_selftest.c sinks/ring_view.c
memtrace_console := console/*.c ports/freertos/memtrace_freertos_system.c sinks/ring_view.c
memtrace_uart := $(memtrace_sink) sinks/uart_frames.c sinks/checksum.c
memtrace_file := $(memtrace_sink) sinks/memtrace_file.c
memtrace_files := recorder/*.c wrap/memtrace_wrap.c ports/freertos/memtrace_freertos.c ports/freertos/memtrace_freertos_wrap.c
memtrace_files += $(foreach part,$(MEMTRACE_WITH),$(memtrace_$(part)))

MEMTRACE_SOURCES :=
MEMTRACE_CFLAGS := -I$(MEMTRACE_PORT)
MEMTRACE_LDFLAGS :=

ifeq ($(MEMTRACE),1)
MEMTRACE_SOURCES += $(sort $(wildcard $(addprefix $(MEMTRACE_HELPERS)/,$(memtrace_files))))
MEMTRACE_CFLAGS += $(addprefix -I$(MEMTRACE_HELPERS)/,include selftest console sinks log) -DMEMTRACE=1 -fno-omit-frame-pointer -fno-optimize-sibling-calls
MEMTRACE_LDFLAGS += -Wl,@$(MEMTRACE_PORT)/memtrace_freertos.wrap
# A debugger calls it, even if the program does not.
MEMTRACE_LDFLAGS += $(if $(filter selftest,$(MEMTRACE_WITH)),-u memtrace_selftest -u memtrace_selftest_text)
endif
