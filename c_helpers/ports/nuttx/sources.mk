############################################################################
# SPDX-License-Identifier: Apache-2.0
#
# What is compiled, and how. HELPERS is the path of c_helpers.
############################################################################

MEMTRACE_FOLDERS := $(addprefix $(HELPERS)/,recorder sinks wrap selftest console usage ports/nuttx)
MEMTRACE_WRAPPERS := memtrace_wrap malloc aligned posix_memalign strings reallocarray nuttx
MEMTRACE_SOURCES := $(wildcard $(HELPERS)/recorder/*.c)
MEMTRACE_SOURCES += $(patsubst %,$(HELPERS)/wrap/%.c,$(MEMTRACE_WRAPPERS))
MEMTRACE_SOURCES += $(HELPERS)/sinks/ring_view.c $(HELPERS)/selftest/memtrace_selftest.c
MEMTRACE_SOURCES += $(filter-out %/memtrace_system.c,$(wildcard $(HELPERS)/console/*.c)) $(HELPERS)/usage/memtrace_usage.c
MEMTRACE_SOURCES += $(addprefix $(HELPERS)/ports/nuttx/,memtrace_nuttx.c memtrace_nuttx_system.c)
MEMTRACE_CFLAGS := $(addprefix -I$(HELPERS)/,include selftest console ports/nuttx) -DMEMTRACE_DEPTH=$(CONFIG_MEMTRACE_DEPTH)
