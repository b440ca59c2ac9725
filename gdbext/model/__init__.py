# SPDX-License-Identifier: Apache-2.0
"""The data that memtrace works with: memory, events, diagnosis, machines, and the records of every report.

Approach: frozen records, with no behaviour beyond their own fields. Each report is built as records, then rendered as
text or as JSON. Tests look at the records and not at the text.
Rejected: dictionaries (no type checker sees their names) and gdb.Value (no use outside GDB).
Assumptions: addresses and sizes are plain integers of the target. A block's `size` is what the
allocator has reserved for it, counted from `raw`.
"""
