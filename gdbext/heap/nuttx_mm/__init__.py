# SPDX-License-Identifier: Apache-2.0
"""NuttX's default allocator, mm/mm_heap, of every release from 5.x on."""

from gdbext.heap.allocator import Family

FAMILY = Family(
    kinds={"nuttx_mm": "NuttX's default allocator: the address of its struct mm_heap_s"},
    symbols=("g_mmheap", "g_kmmheap"),
    functions=r"[ku]?mm_(addfreechunk|size2ndx|shrinkchunk|foreach|free_delaylist|addregion|initialize(_heap|_pool)?"
    r"|malloc_size|mallinfo(_task)?|extend|checkcorruption)",
    frees={
        **{f"{side}mm_{name}": (0, None) for side in "ku" for name in ("free", "realloc")},
        **{f"mm_{name}": (1, None) for name in ("free", "realloc")},
    },
    files=(
        "mm_malloc.c", "mm_free.c", "mm_realloc.c", "mm_memalign.c", "mm_addfreechunk.c", "mm_shrinkchunk.c",
        "mm_checkcorruption.c", "mm_foreach.c", "mm_initialize.c", "mm_extend.c",
    ),
)  # fmt: skip
