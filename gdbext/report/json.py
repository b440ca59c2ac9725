# SPDX-License-Identifier: Apache-2.0
"""Reports as JSON: the contract of version 1. Fields may be added, none renamed.

A sentence is there twice: its words under the field's name, and as facts under that name with `_facts` behind it:
{"sentence": its key, ...}, numbers as numbers. docs/reference/sentences.md lists the keys.
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
# Fields that do not look in JSON as they do in their twins.
SHAPED: Dict[type, Dict[str, Any]] = {HeapReport: {"resumed": Tuple[int, ...], "resumed_why": Tuple[Text, ...]}}
# Fields that are left out where they are None.
OPTIONAL: Dict[type, Tuple[str, ...]] = {HeapReport: ("blocks",)}


def to_json(report: Report) -> str:
    """A report's twin as one JSON object."""
    own, common = _object(report), {}
    for name in fields_of(Report):
        common[name] = own.pop(name)
    return json.dumps({"version": VERSION, **own, **common}, indent=1)


def _object(value: Record) -> Dict[str, Any]:
    """A record as an object, with the facts of its sentences beside their words."""
    found: Dict[str, Any] = {}
    for name in fields_of(type(value)):
        one = getattr(value, name)
        found[name] = _plain(one)
        if isinstance(one, Said) or (isinstance(one, tuple) and any(isinstance(part, Said) for part in one)):
            found[f"{name}_facts"] = _facts(one)
    if isinstance(value, HeapReport):
        # In the contract `resumed` is a list of payloads; what proves them comes beside it. No blocks, no field.
        found["resumed"] = [resume.payload for resume in value.resumed]
        found["resumed_why"] = [words(resume.why) for resume in value.resumed]
        found["resumed_why_facts"] = [_facts(resume.why) for resume in value.resumed]
        if value.blocks is None:
            del found["blocks"]
    return found


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
