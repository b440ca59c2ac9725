# SPDX-License-Identifier: Apache-2.0
"""Every sentence appears for real, and docs/reference/sentences.md lists them as they are."""

from __future__ import annotations

from gdbext.report.sentences import templates
from tests.docs.sentences.page import NAME, examples, page, rooms
from tests.support.paths import ROOT


def test_each_sentence_appears_by_a_recipe() -> None:
    assert set(templates()) - set(examples()) == set(), "write a recipe that makes it appear (tests/docs/sentences)"


def test_the_page_lists_every_sentence() -> None:
    assert {key for _, sentences in rooms() for key in sentences} == set(templates())
    text = (ROOT / "docs" / "reference" / NAME).read_text(encoding="utf-8")
    assert text == page(examples()), "python -m tests.docs.sentences.page docs/reference"
