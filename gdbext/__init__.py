# SPDX-License-Identifier: Apache-2.0
"""memtrace: who did it? Reads broken and leaking heaps, in GDB and outside it."""

__version__ = "0.1.0"
