# SPDX-License-Identifier: Apache-2.0
"""Takes off what a monitor, a terminal or a mail has put around the lines of a console.

Approach: a line loses its colours (also those whose ESC was lost), what is no character, the marks of a quotation and
the time stamps in front. What is left is what the device wrote. UTF-16, as shells of Windows write it, becomes UTF-8
piece by piece.
Rejected: a rule for each program that makes such files (their stamps look alike, and files pass through several).
Limits: a stamp is known by its shape. A device that begins its own lines in that shape loses it.
"""

from __future__ import annotations

import codecs
import re
from itertools import chain
from typing import Iterable, Iterator

_COLOUR = re.compile(r"\x1b\[[0-9;?]{0,16}[ -/]?[@-~]|\x1b[@-Z\\-_]|\[(?:[0-9]{1,3}(?:;[0-9]{1,3}){0,4})?m")
_DATE = r"[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}[T ]"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,:][0-9]{1,9})?(?: ?[AP]M)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_DAY = r"[A-Z][a-z]{2} [ 0-9][0-9] "
_STAMP = re.compile(
    rf"\[(?:{_DATE}|(?:[A-Z][a-z]{{2}} )?{_DAY})?{_CLOCK}(?: [0-9]{{4}})?\]:? ?"
    rf"|(?:<[0-9]{{1,3}}>[0-9]{{0,2}} ?)?{_DATE}{_CLOCK} [^\s:]{{1,64}} [^\s:]{{1,64}} [0-9-]{{1,9}} \S{{1,64}} - ?"
    rf"|{_DAY}{_CLOCK} (?:[^\s:]{{1,64}} [^\s:]{{1,64}}: ?)?"
    rf"|(?:{_DATE})?{_CLOCK}(?: ->| >|:| \||;)?(?:[ \t]|$)"
)
# A device's own lines that begin as a quotation does: >>>stack>>> of ESP8266, >>> ZEPHYR FATAL ERROR.
_QUOTE = re.compile(r"[ ]{0,3}(?:>(?!>>stack>>>|>> ZEPHYR) ?){1,8}")
_NOISE = dict.fromkeys((*range(9), *range(11, 32), 127, 0xFFFD, 0xFEFF))
_MOST_AROUND = 4  # stamps and quotes of one line
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_SAMPLE = 64


def clean(line: bytes) -> str:
    """Returns a line as the device wrote it. Its own indentation stays."""
    text = line.decode("utf-8", "replace").rstrip("\r\n\u240d\u240a")  # the last two: CR and LF, made visible
    if "[" in text or "\x1b" in text:
        text = _COLOUR.sub("", text)
    if not text.isprintable():
        text = text.translate(_NOISE)
    for _ in range(_MOST_AROUND):
        around = _STAMP.match(text) or _QUOTE.match(text)
        if around is None:
            break
        text = text[around.end() :]
    return text


def visible(line: bytes) -> int:
    """Returns how many columns of a terminal a line takes."""
    return len(_COLOUR.sub("", line.decode("utf-8", "replace").rstrip("\r\n")))


def as_utf_8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields a text as UTF-8: pieces of UTF-16 are recoded, all others are handed on."""
    pieces = iter(chunks)
    first = next(pieces, b"")
    coding = utf_16_of(first)
    if not coding:
        yield from chain([first], pieces)
        return
    decoder = codecs.getincrementaldecoder(coding)("replace")
    for piece in chain([first], pieces):
        yield decoder.decode(piece).encode("utf-8", "replace")


def utf_16_of(head: bytes) -> str:
    """Returns the name of the UTF-16 that a text begins in; "" if it is none. Without a mark its zeros tell."""
    if head[:2] in _UTF_16:
        return _UTF_16[head[:2]]
    sample = head[:_SAMPLE]
    low, high = sample[0::2], sample[1::2]
    if len(sample) < _SAMPLE or (any(low) and any(high)):
        return ""
    text, coding = (low, "utf-16-le") if not any(high) else (high, "utf-16-be")
    return coding if all(byte in b"\t\r\n\x1b" or 32 <= byte < 127 for byte in text) else ""
