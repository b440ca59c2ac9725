# SPDX-License-Identifier: Apache-2.0
"""Looks up symbols, types and stack frames of the program, by GDB or by its ELF file."""
