# SPDX-License-Identifier: Apache-2.0
#
# The recorder in a program that is built by make. In the Makefile, behind its own variables:
#
#   MEMTRACE = nano
#   MEMTRACE_PROGRAM = app.elf
#   include memtrace/c_helpers/ports/bare/memtrace.mk
#
# MEMTRACE says what the program has, in words; `off` takes everything out again:
#
#   newlib, nano, picolibc   the C library; nano is newlib-nano
#   own                      in place of it: malloc, calloc, realloc and free are the program's own
#   posix                    newlib, and the program has a posix_memalign
#   c++                      C++
#   selftest                 memtrace_selftest() is to be linked, to be called from GDB or from the program
#
# CFLAGS, CXXFLAGS and LDFLAGS grow by what it needs; the program's rules use these, as they do anyway.

MEMTRACE_HOME := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../..)
MEMTRACE_OUT ?= memtrace-objects

# Lists of c_helpers/wrap of which the library has all functions.
MEMTRACE_WRAPS_own := malloc
MEMTRACE_WRAPS_newlib := malloc aligned reallocarray strings newlib
MEMTRACE_WRAPS_nano := $(MEMTRACE_WRAPS_newlib)
MEMTRACE_WRAPS_picolibc := malloc aligned posix_memalign reallocarray strings
MEMTRACE_WRAPS_posix := posix_memalign
MEMTRACE_WRAPS_c++ := new

MEMTRACE_UNKNOWN := $(filter-out newlib nano picolibc own posix c++ selftest off,$(MEMTRACE))
ifneq ($(MEMTRACE_UNKNOWN),)
$(error MEMTRACE: no such word: $(MEMTRACE_UNKNOWN))
endif

ifneq ($(filter-out off,$(MEMTRACE)),)
MEMTRACE_WRAPS := $(foreach word,$(MEMTRACE),$(MEMTRACE_WRAPS_$(word)))
MEMTRACE_SOURCES := $(wildcard $(MEMTRACE_HOME)/recorder/*.c) $(MEMTRACE_HOME)/ports/bare/memtrace_bare.c \
    $(MEMTRACE_HOME)/wrap/memtrace_wrap.c $(wildcard $(MEMTRACE_WRAPS:%=$(MEMTRACE_HOME)/wrap/%.c*))
# A call at a function's end would have that function's caller.
MEMTRACE_FLAGS := -I$(MEMTRACE_HOME)/include -I$(MEMTRACE_HOME)/ports/bare -fno-omit-frame-pointer -fno-optimize-sibling-calls
ifneq ($(filter own,$(MEMTRACE)),)
MEMTRACE_FLAGS += -DMEMTRACE_OWN_ALLOCATOR=1
endif
ifneq ($(filter selftest,$(MEMTRACE)),)
MEMTRACE_FLAGS += -I$(MEMTRACE_HOME)/selftest
MEMTRACE_SOURCES += $(MEMTRACE_HOME)/selftest/memtrace_selftest.c $(MEMTRACE_HOME)/sinks/ring_view.c \
    $(if $(filter c++,$(MEMTRACE)),$(MEMTRACE_HOME)/selftest/memtrace_selftest_new.cpp)
override LDFLAGS += -Wl,-u,memtrace_selftest,-u,memtrace_selftest_text
endif
MEMTRACE_OBJECTS := $(patsubst $(MEMTRACE_HOME)/%,$(MEMTRACE_OUT)/%.o,$(MEMTRACE_SOURCES))

override CFLAGS += $(MEMTRACE_FLAGS)
override CXXFLAGS += $(MEMTRACE_FLAGS)
# In front of what is there: of two libraries with a malloc, the program's own calls get the first one, and so must these.
$(eval override LDFLAGS = $(MEMTRACE_OBJECTS) $(MEMTRACE_WRAPS:%=-Wl,@$(MEMTRACE_HOME)/wrap/%.wrap) $(value LDFLAGS))

$(MEMTRACE_PROGRAM): | $(MEMTRACE_OBJECTS)

$(MEMTRACE_OUT)/%.c.o: $(MEMTRACE_HOME)/%.c
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -std=gnu11 -ffunction-sections -c $< -o $@

$(MEMTRACE_OUT)/%.cpp.o: $(MEMTRACE_HOME)/%.cpp
	@mkdir -p $(@D)
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -ffunction-sections -c $< -o $@
endif
