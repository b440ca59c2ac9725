# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of the reports, made of their twins: docs/reference/report.schema.json.

Approach: the types of a twin's fields say the shape, the comments behind them in the source what they mean. The page is
committed and a test compares, so that no field changes unseen; another test holds the names that version 1 promised.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Any, Dict, List, Sequence, Type, Union, get_type_hints

from gdbext.model.record import Record, fields_of
from gdbext.model.reports.base import Report
from gdbext.model.said import Said, Text
from gdbext.report.json import OPTIONAL, SHAPED, VERSION

_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}
_COMMENT = re.compile(r"^    (\w+): .*?  # (.*)$", re.MULTILINE)
_Schema = Dict[str, Any]


def schema_of(reports: Sequence[Type[Report]]) -> str:
    """The page: a definition for each twin; a report is one of them."""
    known: Dict[str, _Schema] = {}
    for report in reports:
        _define(report, known)
        known[report.__name__]["properties"]["version"] = {"const": VERSION}
        known[report.__name__]["required"].insert(0, "version")
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"What memtrace prints with --json, version {VERSION}: fields may be added, none is renamed",
        "anyOf": [{"$ref": f"#/$defs/{report.__name__}"} for report in reports],
        "$defs": dict(sorted(known.items())),
    }
    return json.dumps(whole, indent=1) + "\n"


def _define(kind: Type[Record], known: Dict[str, _Schema]) -> None:
    if kind.__name__ in known:
        return
    known[kind.__name__] = {}
    hints, sources = get_type_hints(kind), [one for one in reversed(kind.__mro__) if one not in (object, Record)]
    told = dict(comment for one in sources for comment in _COMMENT.findall(inspect.getsource(one)))
    shaped: Dict[str, Any] = SHAPED.get(kind, {})
    properties: Dict[str, _Schema] = {}
    for name, hint in {**{name: hints[name] for name in fields_of(kind)}, **shaped}.items():
        properties[name] = {**_shape(hint, known), **({"description": told[name]} if name in told else {})}
        if _tells(hint):
            properties[f"{name}_facts"] = _shape_of_facts(hint)
    optional = [*OPTIONAL.get(kind, ()), *(name for name in properties if name.endswith("_facts"))]
    known[kind.__name__] = {
        "type": "object",
        "description": inspect.getdoc(kind) or "",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


def _tells(hint: Any) -> bool:
    """Whether a field holds sentences, whose facts stand beside their words."""
    return any(one == Text or one is Said for one in (hint, *getattr(hint, "__args__", ())))


def _shape_of_facts(hint: Any) -> _Schema:
    facts = {"type": "object", "properties": {"sentence": {"type": "string"}}, "required": ["sentence"]}
    if getattr(hint, "__origin__", None) is tuple:
        return {"type": "array", "items": {"anyOf": [facts, {"type": "string"}]}}
    return facts


def _shape(hint: Any, known: Dict[str, _Schema]) -> _Schema:
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if hint == Text or hint is Said:
        return {"type": "string"}
    if getattr(hint, "__origin__", None) is Union:
        shapes: List[_Schema] = [_shape(one, known) for one in hint.__args__]
        plain = all(one in _PLAIN for one in hint.__args__)
        return {"type": [shape["type"] for shape in shapes]} if plain else {"anyOf": shapes}
    if getattr(hint, "__origin__", None) is tuple:
        return {"type": "array", "items": _shape(hint.__args__[0], known)}
    _define(hint, known)
    return {"$ref": f"#/$defs/{hint.__name__}"}
