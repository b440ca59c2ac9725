# SPDX-License-Identifier: Apache-2.0
"""The byte pools of ThreadX."""

from gdbext.heap.allocator import Family

FAMILY = Family(
    kinds={"threadx_pool": "a byte pool of ThreadX: the address of its TX_BYTE_POOL"},
    symbols=("_tx_byte_pool_created_ptr",),
    functions=r"_txe?r?_byte_(pool_)?\w+",
    wrappers="tx_byte_allocate",
    frees={"_tx_byte_release": (0, None), "_txe_byte_release": (0, None)},
    files=("tx_byte_allocate.c", "tx_byte_release.c", "tx_byte_pool_search.c", "txe_byte_release.c"),
)
