############################################################################
# SPDX-License-Identifier: Apache-2.0
#
# For the end of a board's scripts/Make.defs: the linker's options, and frame pointers for whole call stacks.
# With CONFIG_MEMTRACE off it does nothing.
############################################################################

ifeq ($(CONFIG_MEMTRACE),y)
MEMTRACE_PORT := $(patsubst %/,%,$(dir $(realpath $(lastword $(MAKEFILE_LIST)))))

# LD is ld in most toolchains of NuttX. Where it is gcc, arch/*/src/Makefile puts -Xlinker before each word.

LDFLAGS += @$(MEMTRACE_PORT)/nuttx_port.wrap
LDFLAGS += $(patsubst %,@$(MEMTRACE_PORT)/../../wrap/%.wrap,malloc aligned posix_memalign strings reallocarray nuttx)

CFLAGS += -fno-omit-frame-pointer -fno-optimize-sibling-calls
CXXFLAGS += -fno-omit-frame-pointer -fno-optimize-sibling-calls
endif
