# SPDX-License-Identifier: Apache-2.0
"""The engine in C, as mypy sees it; gdbext/trace/engine.py is how to use it."""

from typing import Any, Callable, Dict, List, Optional, Tuple

def find_word(text: bytes, start: int, words: Tuple[bytes, ...]) -> int:
    """Returns the place of the first of some words from `start` on; the text's length if none is there."""

class Replay:
    """Replays a log. What it returns are tuples with the fields of model/profile.py."""

    def __new__(
        cls,
        since: Tuple[int, int, bytes],
        until: Tuple[int, int, bytes],
        sizes: Tuple[int, int],
        run: Tuple[int, int],
        track: Tuple[bool, int],
        tail: Tuple[int, ...],
        multiplier: int,
        group: Optional[Callable[[Tuple[int, ...], Tuple[int, ...]], Any]],
        passes: Optional[Callable[[Tuple[int, ...], Tuple[int, ...]], Any]],
        unpack: Callable[[bytes, int], Optional[bytes]],
    ) -> Replay:
        """Takes a wish."""
    def feed(self, data: bytes) -> int:
        """Takes the next bytes of a log, and returns a status."""
    def finish(self) -> int:
        """Takes the end of the log, and returns a status."""
    def pause(self) -> int:
        """Settles what was counted so far, and returns a status."""
    def name_of(self, number: int) -> Optional[Tuple[int, str]]:
        """Returns what the number of a context or tag means, or None."""
    def header(self) -> bytes:
        """Returns the header that was refused."""
    def profile(self) -> Dict[str, Any]:
        """Returns what was counted."""
    def live(self) -> List[Tuple[Any, ...]]:
        """Returns the blocks and ranges that are live and count."""
    def past(self) -> List[Tuple[Any, ...]]:
        """Returns the lives of the address that was followed, newest first."""
    def tail(self) -> List[Tuple[Any, ...]]:
        """Returns the last events that pass the filter, oldest first."""
    def memory(self) -> Tuple[int, int]:
        """Returns the bytes that are allocated, and the most there were."""
