# SPDX-License-Identifier: Apache-2.0
"""Holds every report that a test looks at against docs/reference/report.schema.json.

A reader must skip what it does not know. Here a field that the schema does not name is a failure, so that none is added
unseen. Of a long list its first entries are held, which are of one kind.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "report.schema.json"
ENTRIES = 12


def held_to_schema(report: Any) -> Any:
    """The same report; AssertionError where it is not as the schema says."""
    problems = list(_validator(_name_of(report)).iter_errors(_cut(report)))
    assert not problems, f"{problems[0].json_path}: {problems[0].message[:500]}"
    return report


@cache
def _schema() -> Any:
    """The page, with no field allowed that it does not name."""
    whole = json.loads(PAGE.read_text(encoding="utf-8"))
    for one in whole["$defs"].values():
        one["additionalProperties"] = False
    return whole


def _name_of(report: Any) -> str:
    """The definition of a report: the one that asks for most of its fields."""
    names = [str(one["$ref"]).rpartition("/")[2] for one in _schema()["anyOf"]]
    wanted = {name: set(_schema()["$defs"][name]["required"]) for name in names}
    return max(names, key=lambda name: len(wanted[name] & set(report)) - len(wanted[name] - set(report)))


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": _schema()["$defs"]})


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(one) for key, one in value.items()}
    return [_cut(one) for one in value[:ENTRIES]] if isinstance(value, list) else value
