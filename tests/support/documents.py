# SPDX-License-Identifier: Apache-2.0
"""The documents, the blocks that are tagged in them, and whether what is printed is what they show."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import firmware
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
PROMPT = "(gdb) "
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")


def _tracked() -> list[Path]:
    """Every Markdown file that is in the repository or is not ignored by it."""
    line = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in sorted(listed) if (ROOT / name).is_file()]


DOCUMENTS = _tracked()


@dataclass(frozen=True)
class Shown:
    """A block of a page: ```` ```KIND TAG ````."""

    path: Path
    tag: str
    text: str

    @property
    def id(self) -> str:
        """The page and the tag."""
        return f"{name_of(self.path)}-{self.tag}"


def name_of(path: Path) -> str:
    """A page's path in the repository."""
    return str(path.relative_to(ROOT))


def blocks(kind: str) -> list[Shown]:
    """The blocks of a kind in all pages."""
    fence = re.compile(rf"^```{kind} (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [Shown(path, tag, text) for path in DOCUMENTS for tag, text in fence.findall(path.read_text())]


def anchors(text: str) -> set[str]:
    """What a link into a page may name: its headings as GitHub spells them, and explicit ones."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        name = slug(heading)
        repeats = sum(1 for other in found if other == name or re.fullmatch(rf"{re.escape(name)}-\d+", other))
        found.add(f"{name}-{repeats}" if repeats else name)
    return found | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


def slug(heading: str) -> str:
    """A heading as the name of an anchor."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def broken_links(path: Path) -> Iterator[str]:
    """Relative links that lead to no file, or to no heading of it."""
    for name, anchor in LINK.findall(FENCE.sub("", path.read_text())):
        target = path.parent / name if name else path
        if not target.exists():
            yield name
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            yield f"{name}#{anchor}"


def scenario_of(tag: str) -> tuple[str, str]:
    """The firmware's variant and the scenario that a block is tagged with: `seed`, `idf-55:overflow`."""
    variant, _, scenario = tag.rpartition(":")
    return variant or firmware.DEFAULT, scenario


def turns(text: str, prompt: str = PROMPT) -> list[tuple[str, str]]:
    """What is typed, and what must come of it."""
    parts = re.split(rf"^{re.escape(prompt)}", text, flags=re.MULTILINE)[1:]
    return [(part.split("\n", 1)[0], part.partition("\n")[2]) for part in parts]


def steady(text: str) -> str:
    """The text without what differs from run to run: how many sync records the clock made, and reads already made."""
    text = re.sub(r"seq \d+(\.\.\d+)?", "seq N", text)
    text = re.sub(r"[\d,]+ (events kept|overwritten before)", r"N \1", text)
    text = re.sub(r"its start: [\d,]+ events, the last at [\d.]+ s", "its start: N events, the last at N s", text)
    return re.sub(r"read [\d.,]+ \w+ in \d+ reads?", "read N", text).strip()


def numbered(text: str) -> str:
    """The text without what differs from run to run, numbers of events too."""
    text = re.sub(r"\.\.\. [\d,]+ more", "... N more", steady(text))
    text = re.sub(r"at 0x[0-9a-f]+ holds", "at ADDRESS holds", text)
    return re.sub(r"^ *\d+ (alloc|free|assert|realloc|mark|control)\b", r"N \1", text, flags=re.MULTILINE)


def agree(shown: str, printed: str) -> bool:
    """Whether the printed text is the shown one, a line `...` standing for any lines."""
    lines = numbered(shown).splitlines() or [""]
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line + "\n") for line in lines)
    return re.fullmatch(pattern, numbered(printed) + "\n") is not None
