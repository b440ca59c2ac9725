# SPDX-License-Identifier: Apache-2.0
"""Finds the package that unpacks zstd. It is imported where it is needed, for GDB's Python may lack it.

Rejected: compression.zstd of the standard library (Python 3.14 and later).
"""

from __future__ import annotations

from typing import Any

from gdbext.model.said import Trouble, said


def zstd() -> Any:
    """Returns the module zstandard. Raises Trouble if it is not installed."""
    try:
        import zstandard
    except ImportError:
        raise Trouble(said("zstd-missing")) from None
    return zstandard
