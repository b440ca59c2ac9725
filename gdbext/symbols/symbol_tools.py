# SPDX-License-Identifier: Apache-2.0
"""Finds the programs that know functions and lines of addresses, among those of PATH.

Cost: each folder of PATH is listed once, some milliseconds in all.
"""

from __future__ import annotations

import os
import re
from typing import Dict, List, NamedTuple

# Programs of the GNU tools are named after their target; addr2line alone is this machine's, and often reads others.
_PREFIX = {40: "arm", 62: "x86_64", 94: "xtensa", 183: "aarch64", 243: "riscv"}
_LLVM = re.compile(r"llvm-symbolizer(?:-(\d{1,3}))?")
_UNNUMBERED = 1000  # is the newest one, or the one that the user wants


class Tool(NamedTuple):
    """A program that knows functions and lines. `kind` is "llvm" or "gnu"."""

    kind: str
    path: str


def tools_for(machine: int) -> List[Tool]:
    """Returns the programs that are there, the best first."""
    llvm: Dict[int, str] = {}
    gnu: Dict[str, str] = {}
    target = re.compile(rf"{_PREFIX.get(machine, '-')}[\w.]*-.*addr2line|addr2line")
    for folder in os.get_exec_path():
        for name in _names_in(folder):
            newer = _LLVM.fullmatch(name)
            path = os.path.join(folder, name)
            if newer and os.access(path, os.X_OK):
                llvm.setdefault(int(newer.group(1) or _UNNUMBERED), path)
            elif target.fullmatch(name) and os.access(path, os.X_OK):
                gnu.setdefault(name, path)
    named = sorted(gnu, key=lambda name: (name == "addr2line", name))
    newest = [llvm[version] for version in sorted(llvm, reverse=True)]
    return [Tool("llvm", path) for path in newest[:1]] + [Tool("gnu", gnu[name]) for name in named]


def _names_in(folder: str) -> List[str]:
    try:
        return [name for name in os.listdir(folder) if "symbolizer" in name or "addr2line" in name]
    except OSError:
        return []
