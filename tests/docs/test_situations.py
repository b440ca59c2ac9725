# SPDX-License-Identifier: Apache-2.0
"""What users see (docs/README.md): a page for each of 18 situations, with an answer typed again and a next step.

The sessions themselves are compared line by line, the answer's first line too, by test_sessions.py and test_shell.py.
"""

from __future__ import annotations

import re

import pytest

from tests.support.documents import DOCS

SITUATIONS = 18
_ROW = re.compile(r"^\| .+ \| \[.+\]\((how-to/[a-z-]+\.md)\) \|$", re.MULTILINE)
_SESSION = re.compile(r"^```(?:gdb|shell)-session \S+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[str]:
    """The pages of the table."""
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    return _ROW.findall(text.partition("## What you see")[2].partition("\n## ")[0])


def test_each_situation_has_a_page_of_its_own() -> None:
    assert len(pages()) == len(set(pages())) == SITUATIONS


@pytest.mark.parametrize("page", pages())
def test_an_answer_is_typed_and_names_the_command_to_type_next(page: str) -> None:
    sessions = _SESSION.findall((DOCS / page).read_text(encoding="utf-8"))
    assert any(re.search(r"next: \S+", session) for session in sessions)
