# SPDX-License-Identifier: Apache-2.0
"""Turns reports into JSON, as version 1 promises: fields may be added, none is renamed.

Every sentence appears twice. The field has its words. The field with `_facts` behind its name has its facts:
{"sentence": its key, ...}, with numbers as numbers. docs/reference/sentences.md lists the keys.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Tuple, Union

from gdbext.model.record import Record, fields_of
from gdbext.model.reports.base import Report
from gdbext.model.reports.check import HeapReport
from gdbext.model.said import Fact, Said, Text
from gdbext.report.sentences import words

VERSION = 1
# Fields whose type in JSON is not their type in the record.
SHAPED: Dict[type, Dict[str, Any]] = {HeapReport: {"resumed": Tuple[int, ...], "resumed_why": Tuple[Text, ...]}}
# Fields that JSON leaves out if they are None.
OPTIONAL: Dict[type, Tuple[str, ...]] = {HeapReport: ("blocks",)}


def to_json(report: Report) -> str:
    """Returns a report as the text of one JSON object."""
    own, common = _object(report), {}
    for name in fields_of(Report):
        common[name] = own.pop(name)
    return json.dumps({"version": VERSION, **own, **common}, indent=1)


def _object(value: Record) -> Dict[str, Any]:
    """Returns the JSON object of a record, with the facts of each sentence beside its words."""
    found: Dict[str, Any] = {}
    for name in fields_of(type(value)):
        one = getattr(value, name)
        found[spelled(name)] = _plain(one)
        if isinstance(one, Said) or (isinstance(one, tuple) and any(isinstance(part, Said) for part in one)):
            found[f"{name}_facts"] = _facts(one)
    if isinstance(value, HeapReport):
        # Version 1 promised that `resumed` is a list of payloads: the reasons need a field of their own.
        found["resumed"] = [resume.payload for resume in value.resumed]
        found["resumed_why"] = [words(resume.why) for resume in value.resumed]
        found["resumed_why_facts"] = [_facts(resume.why) for resume in value.resumed]
        if value.blocks is None:
            del found["blocks"]
    return found


def spelled(name: str) -> str:
    """Returns the name of a field in JSON. Where Python needs the word for itself, the record's has a `_` behind it."""
    return name.rstrip("_")


def _plain(value: Any) -> Any:
    if isinstance(value, Said):
        return words(value)
    if isinstance(value, Record):
        return _object(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (tuple, list)) else value


def _facts(value: Union[Fact, List[Fact]]) -> Any:
    if isinstance(value, Said):
        return {"sentence": value.key, **{name: _facts(fact) for name, fact in value.values}}
    return [_facts(one) for one in value] if isinstance(value, tuple) else value
