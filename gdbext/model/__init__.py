# SPDX-License-Identifier: Apache-2.0
"""What memtrace knows, as data: memory, events, diagnosis, machines, and a twin of every report.

Approach: frozen records without behaviour beyond their own facts. Each report is built as these, then rendered
as text or as JSON; tests look here and not at text.
Rejected: dictionaries (no names to check) and gdb.Value (no use outside GDB).
Assumptions: addresses and sizes are plain integers of the target; `size` is what the allocator holds, counted from
`raw`.
"""
