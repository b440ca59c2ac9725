# SPDX-License-Identifier: Apache-2.0
"""The documents, and when what they show is what is printed."""

from __future__ import annotations

import re

from tests.support import firmware
from tests.support.paths import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def scenario_of(tag: str) -> tuple[str, str]:
    """The firmware's variant and the scenario that a block is tagged with: `seed`, `idf-55:overflow`."""
    variant, _, scenario = tag.rpartition(":")
    return variant or firmware.DEFAULT, scenario


def steady(text: str) -> str:
    """The text without what differs from run to run: how many sync records the clock made, and reads already made."""
    text = re.sub(r"seq \d+(\.\.\d+)?", "seq N", text)
    text = re.sub(r"[\d,]+ (events kept|overwritten before)", r"N \1", text)
    return re.sub(r"read [\d.,]+ \w+ in \d+ reads?", "read N", text).strip()


def numbered(text: str) -> str:
    """The text without what differs from run to run."""
    text = re.sub(r"\.\.\. [\d,]+ more", "... N more", steady(text))
    return re.sub(r"^ *\d+ (alloc|free|assert) ", r"N \1 ", text, flags=re.MULTILINE)


def agree(shown: str, printed: str) -> bool:
    """Whether the printed text is the shown one, a line `...` standing for any lines."""
    lines = numbered(shown).splitlines()
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line + "\n") for line in lines)
    return re.fullmatch(pattern, numbered(printed) + "\n") is not None
