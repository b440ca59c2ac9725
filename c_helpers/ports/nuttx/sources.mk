############################################################################
# SPDX-License-Identifier: Apache-2.0
#
# What is compiled, and how. HELPERS is the path of c_helpers.
############################################################################

MEMTRACE_FOLDERS := $(addprefix $(HELPERS)/,recorder sinks wrap selftest ports/nuttx)
MEMTRACE_SOURCES := $(wildcard $(HELPERS)/recorder/*.c)
MEMTRACE_SOURCES += $(addprefix $(HELPERS)/wrap/,memtrace_wrap.c malloc.c aligned.c posix_memalign.c strings.c reallocarray.c nuttx.c)
MEMTRACE_SOURCES += $(HELPERS)/sinks/ring_view.c $(HELPERS)/selftest/memtrace_selftest.c $(HELPERS)/ports/nuttx/memtrace_nuttx.c
MEMTRACE_CFLAGS := $(addprefix -I$(HELPERS)/,include selftest ports/nuttx) -DMEMTRACE_DEPTH=$(CONFIG_MEMTRACE_DEPTH)
