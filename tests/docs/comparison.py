# SPDX-License-Identifier: Apache-2.0
"""The end of docs/reference/checks.md: what the allocators' own checkers say of damaged images, and what memtrace says.

`python -m tests.docs.comparison` writes it; a test compares. The checkers' words are the manifest's: each ran on the
same bytes, in a process of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.cli.shell import memtrace
from tests.support import judge
from tests.support.fixtures import Case, load_cases
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "checks.md"
HEAD = "## Beside the allocators' own checkers"
CHECKERS = ("tlsf_check", "tlsf_check_pool", "multi_heap_check")
OUTCOMES = ("error", "ok", "crash", "hang")
ABOUT = """\
<!-- Written by `python3 -m tests.docs.comparison`; a test compares. -->

{count} damaged heap images were shown to the checkers that TLSF and ESP-IDF bring, by the real allocators. A crash is a
fault or a failed assertion inside the checker: the target would reboot. FreeRTOS has no checker; its images are not
counted here.
"""


def section() -> str:
    """The whole section."""
    cases = [case for case in load_cases() if case.truth.status == "damaged" and case.official is not None]
    named = [case for case in cases if names_the_block(case)]
    lines = [
        HEAD,
        "",
        ABOUT.format(count=len(cases)),
        "| | damage is reported | fine | crash | hang |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(checker, cases) for checker in CHECKERS]
    missed = len(cases) - len(named)
    lines += [f"| memtrace, with the block that was hit or its culprit | {len(named)} | {missed} | 0 | 0 |", ""]
    lines += ["What memtrace names and `multi_heap_check` (plain TLSF: `tlsf_check_pool`) does not:", ""]
    lines += ["| damage | checker | images |", "|---|---|---|", *_silent(named)]
    return "\n".join([*lines, ""])


def names_the_block(case: Case) -> bool:
    """Whether memtrace's report of an image satisfies its truth."""
    images = [word for image in case.images for word in ("--image", f"{image.base:#x}={image.path}")]
    report = memtrace("check", *images, "--heap", case.heap.option, "--json", "--blocks").json()
    return judge.problems(case, report) == []


def _row(checker: str, cases: list[Case]) -> str:
    said = Counter(str((case.official or {}).get(checker)) for case in cases)
    return f"| `{checker}` | {' | '.join(str(said[outcome]) for outcome in OUTCOMES)} |"


def _silent(cases: list[Case]) -> Iterator[str]:
    found: Counter[tuple[str, str]] = Counter()
    for case in cases:
        official = case.official or {}
        said = str(official.get("multi_heap_check", official.get("tlsf_check_pool")))
        if said != "error":
            found[case.damage_kind, "fine" if said == "ok" else said] += 1
    for (damage, said), count in sorted(found.items()):
        yield f"| {damage} | {said} | {count} |"


def main() -> None:
    """Replaces the section in the page."""
    text = PAGE.read_text(encoding="utf-8").split(HEAD)[0].rstrip("\n")
    PAGE.write_text(f"{text}\n\n{section()}", encoding="utf-8")


if __name__ == "__main__":
    main()
