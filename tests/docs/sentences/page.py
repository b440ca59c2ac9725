# SPDX-License-Identifier: Apache-2.0
"""docs/reference/sentences.md: every sentence, where it stands, and an example that a recipe has made appear.

python -m tests.docs.sentences.page docs/reference
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from gdbext.heap.registry import FAMILIES
from gdbext.loading import load
from gdbext.report.sentences import BLANK
from gdbext.trace.importers import NAMES, importers
from tests.docs.sentences import (
    commands,
    consoles,
    explained,
    flash_images,
    freertos,
    given,
    imported,
    in_gdb,
    libc,
    logs,
    lwip_mem,
    nuttx_mm,
    profiles,
    rlsf,
    roles,
    room,
    rtthread_mem,
    summed,
    targets,
    threadx_pool,
    tlsf,
    traces,
    umm_malloc,
    values,
    zephyr,
)
from tests.docs.sentences.harvest import Example, harvest

NAME = "sentences.md"
RECIPES: Mapping[str, Callable[[], Any]] = {
    **tlsf.RECIPES, **freertos.RECIPES, **traces.RECIPES, **given.RECIPES,
    **commands.RECIPES, **targets.RECIPES, **in_gdb.RECIPES, **logs.RECIPES, **profiles.RECIPES,
    **imported.RECIPES, **flash_images.RECIPES, **summed.RECIPES, **consoles.RECIPES, **explained.RECIPES,
    **values.RECIPES, **roles.RECIPES,
    **rlsf.RECIPES, **threadx_pool.RECIPES, **lwip_mem.RECIPES, **rtthread_mem.RECIPES,
    **room.RECIPES,
    **libc.RECIPES,
    **nuttx_mm.RECIPES, **umm_malloc.RECIPES,
    **zephyr.RECIPES,
}  # fmt: skip
TITLES = {
    "heap.sentences": "Of every heap",
    "report.sentences.analyse": "Of bytes, suspects and explanations, of the trace beside the heap, of stacks",
    "report.sentences.values": "Of what a word is that was overwritten, or used as a pointer",
    "report.sentences.roles": "Of what a block is for",
    "trace.sentences": "Of traces",
    "kernel.sentences": "Of a kernel's tasks",
    "report.sentences.commands": "Of what could not be collected, and of what was asked of the recorder",
    "report.sentences.targets": "Of a target's parts: program, link, debugger, core",
    "report.sentences.console": "Of what a device wrote to its console",
    "report.sentences.profile": "Of what leaks, what a peak is made of, what stays",
    "report.sentences.decode": "Of the program that a console's text is of, among the text",
    "source.sentences": "Of memory and files that could not be read in full",
    "flash.sentences": "Of files in flash that are not whole",
}
PLACES = {
    "Finding.text (damage)": "finding",
    "Finding.text (note)": "note",
    "Extent.words": "bytes",
    "Reading.text": "bytes",
    "Spot.words": "bytes",
    "Suspect.why": "suspect",
    "Explanation.text": "explanation",
    "Explanation.evidence": "evidence",
    "Resume.why": "walk resumed",
    "HeapStatus.why": "status",
    "HeapStatus.origin": "status",
    "StatusReport.facts": "status",
    "ControlReport.text": "answer",
    "Conclusion.text": "answer",
    "Site.looks_like": "looks like",
    "Explained.text": "what happened",
    "Explained.next": "what next",
    "LogSource.recognised_by": "recognised by",
}
ELSEWHERE = "not checked"  # in `skipped`, or in the line that says why a command could not
HEAD = """\
# Sentences

<!-- Written by `python -m tests.docs.sentences.page docs/reference`; a test makes each example appear. -->

What a report can say, by the key that stands in `--json` as `"sentence"` among the facts of each text (`text_facts`,
`why_facts`, ...). *Words in italics* are facts: fields of the same names. An example is printed from a damaged image, a
ring, a kernel's memory, a core, a log, or in a GDB; a part of a sentence is shown in the whole one. A bound in an
example may be lower than memtrace's own."""


@lru_cache(maxsize=1)
def examples() -> Mapping[str, Example]:
    """The example of each key."""
    return harvest(RECIPES)


def rooms() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The templates, by where they belong."""
    for name, title in TITLES.items():
        yield title, load(name, "SENTENCES")
        if name == "heap.sentences":
            for folder, family in FAMILIES.items():
                kinds = ", ".join(f"`{kind}`" for kind in family.kinds)
                yield f"Of {kinds}", load(f"heap.{folder}.sentences", "SENTENCES")
        if name == "trace.sentences":
            for log, importer in zip(NAMES, importers(), strict=True):
                yield f"Of logs of `{log}`", importer.sentences


def page(shown: Mapping[str, Example]) -> str:
    """The page with these examples."""
    lines = [HEAD]
    for title, sentences in rooms():
        lines += ["", f"## {title}", "", "| key | where | sentence | example |", "|---|---|---|---|"]
        for key, template in sentences.items():
            example = shown[key]
            where = PLACES.get(example.where, ELSEWHERE)
            blanks = BLANK.sub(r"*\1*", template)
            lines.append(f"| `{key}` | {where} | {cell(blanks)} | {cell(example.text)} |")
    return "\n".join([*lines, ""])


def cell(text: str) -> str:
    """Text as a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("  ", " ")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(page(examples()), encoding="utf-8")
