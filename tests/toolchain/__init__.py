# SPDX-License-Identifier: Apache-2.0
"""Compiler, binutils and GDB for windowed Xtensa, built once from Debian's own sources into a cache outside the tree.

`python -m tests.toolchain` (`make setup-xtensa`) builds what is missing; `tests.support.xtensa` says where it is.
where.py names the place, sources.py gets and changes the sources, build.py makes. Debian has a compiler for the ESP8266
(call0) only, and no GDB that knows Xtensa at all.
"""
