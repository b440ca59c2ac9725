# SPDX-License-Identifier: Apache-2.0
#
# The rules of every program: objects beside its Makefile, with the folder in their names, in one archive.

SUFFIX = $(subst /,.,$(CURDIR))
COBJS = $(CSRCS:%=%$(SUFFIX).o)
DEPPATH += --dep-path .
VPATH += :.

all: .depend $(COBJS)
	$(AR) $(BIN) $(COBJS)

.depend: Makefile $(TOPDIR)/.config
	$(TOPDIR)/tools/mkdeps.sh $(DEPPATH) $(CSRCS)
	touch $@

$(COBJS): %.c$(SUFFIX).o: %.c $(TOPDIR)/include/nuttx/config.h
	$(CC) -c $(CFLAGS) $($(strip $<)_CFLAGS) $< -o $@
