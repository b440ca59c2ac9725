# SPDX-License-Identifier: Apache-2.0
#
# The recorder in a program that is built by make. In the Makefile, behind its own variables:
#
#   MEMTRACE = nano            the C library: newlib, nano (newlib-nano), picolibc, own (malloc, calloc, realloc, free in the program
#                              itself); with c++ behind it where there is C++; off takes everything out again
#   MEMTRACE_PROGRAM = app.elf
#   include memtrace/c_helpers/ports/bare/memtrace.mk
#
# CFLAGS, CXXFLAGS and LDFLAGS grow by what it needs; the program's rules use these, as they do anyway.

MEMTRACE_HOME := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../..)
MEMTRACE_OUT ?= memtrace-objects

# Which lists of c_helpers/wrap name functions that the library has, all of them.
MEMTRACE_WRAPS_own := malloc
MEMTRACE_WRAPS_newlib := malloc aligned reallocarray strings newlib
MEMTRACE_WRAPS_nano := $(MEMTRACE_WRAPS_newlib)
MEMTRACE_WRAPS_picolibc := malloc aligned posix_memalign reallocarray strings
MEMTRACE_WRAPS_posix := posix_memalign
MEMTRACE_WRAPS_c++ := new

ifneq ($(filter-out off,$(MEMTRACE)),)
MEMTRACE_WRAPS := $(foreach library,$(MEMTRACE),$(or $(MEMTRACE_WRAPS_$(library)),$(error MEMTRACE: there is no $(library))))
MEMTRACE_SOURCES := $(wildcard $(MEMTRACE_HOME)/recorder/*.c) $(MEMTRACE_HOME)/ports/bare/memtrace_bare.c \
    $(MEMTRACE_HOME)/wrap/memtrace_wrap.c $(wildcard $(MEMTRACE_WRAPS:%=$(MEMTRACE_HOME)/wrap/%.c*))
MEMTRACE_OBJECTS := $(patsubst $(MEMTRACE_HOME)/%,$(MEMTRACE_OUT)/%.o,$(MEMTRACE_SOURCES))
# A call at a function's end would have that function's caller.
MEMTRACE_FLAGS := -I$(MEMTRACE_HOME)/include -I$(MEMTRACE_HOME)/ports/bare -fno-omit-frame-pointer -fno-optimize-sibling-calls

override CFLAGS += $(MEMTRACE_FLAGS)
override CXXFLAGS += $(MEMTRACE_FLAGS)
override LDFLAGS += $(MEMTRACE_OBJECTS) $(MEMTRACE_WRAPS:%=-Wl,@$(MEMTRACE_HOME)/wrap/%.wrap)

$(MEMTRACE_PROGRAM): | $(MEMTRACE_OBJECTS)

$(MEMTRACE_OUT)/%.c.o: $(MEMTRACE_HOME)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -std=gnu11 -ffunction-sections -c $< -o $@

$(MEMTRACE_OUT)/%.cpp.o: $(MEMTRACE_HOME)/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -ffunction-sections -c $< -o $@
endif
