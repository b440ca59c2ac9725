# SPDX-License-Identifier: Apache-2.0
"""The table of commands and the two faces that it has: GDB and the shell."""
