# SPDX-License-Identifier: Apache-2.0
"""The heap of Rust's rlsf, which esp-alloc and embedded-alloc have as their TLSF."""

from gdbext.heap.allocator import Family

FAMILY = Family(
    kinds={"rlsf": "Rust's rlsf (esp-alloc, embedded-alloc): the address of its Tlsf, or of a pool's first block"},
    functions=r"(?:<?rlsf::.*|.*rlsf.*Tlsf.*)",
    files=("tlsf.rs",),
)
