# SPDX-License-Identifier: Apache-2.0
"""Makes the JSON Schema of the reports, docs/reference/report.schema.json, from their record classes.

Approach: the type of a field gives its shape. The comment behind it in the source, and the docstring of its class, are
published as descriptions. The schema is committed and a test compares it, so that no field changes unnoticed. Another
test keeps the names that version 1 promised.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Any, Dict, List, Sequence, Type, Union, get_type_hints

from gdbext.model.record import Record, fields_of
from gdbext.model.reports.base import Report
from gdbext.model.said import Said, Text
from gdbext.report.json import OPTIONAL, SHAPED, VERSION, spelled

_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}
_COMMENT = re.compile(r"^    (\w+): .*?  # (.*)$", re.MULTILINE)
_Schema = Dict[str, Any]


def schema_of(reports: Sequence[Type[Report]]) -> str:
    """Returns the text of the schema. Each record class is a definition, and a report matches one of them."""
    definitions: Dict[str, _Schema] = {}
    for report in reports:
        _define(report, definitions)
        definitions[report.__name__]["properties"]["version"] = {"const": VERSION}
        definitions[report.__name__]["required"].insert(0, "version")
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"What memtrace prints with --json, version {VERSION}: fields may be added, none is renamed",
        "anyOf": [{"$ref": f"#/$defs/{report.__name__}"} for report in reports],
        "$defs": dict(sorted(definitions.items())),
    }
    return json.dumps(whole, indent=1) + "\n"


def _define(kind: Type[Record], definitions: Dict[str, _Schema]) -> None:
    if kind.__name__ in definitions:
        return
    definitions[kind.__name__] = {}
    hints, sources = get_type_hints(kind), [one for one in reversed(kind.__mro__) if one not in (object, Record)]
    comments = dict(comment for one in sources for comment in _COMMENT.findall(inspect.getsource(one)))
    shaped: Dict[str, Any] = SHAPED.get(kind, {})
    properties: Dict[str, _Schema] = {}
    for name, hint in {**{name: hints[name] for name in fields_of(kind)}, **shaped}.items():
        described = {"description": comments[name]} if name in comments else {}
        properties[spelled(name)] = {**_shape(hint, definitions), **described}
        if _is_sentence(hint):
            properties[f"{name}_facts"] = _shape_of_facts(hint)
    optional = [*OPTIONAL.get(kind, ()), *(name for name in properties if name.endswith("_facts"))]
    definitions[kind.__name__] = {
        "type": "object",
        "description": inspect.getdoc(kind) or "",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


def _is_sentence(hint: Any) -> bool:
    """Tells whether a field has sentences. JSON then has a second field with their facts."""
    return any(one == Text or one is Said for one in (hint, *getattr(hint, "__args__", ())))


def _shape_of_facts(hint: Any) -> _Schema:
    facts = {"type": "object", "properties": {"sentence": {"type": "string"}}, "required": ["sentence"]}
    if getattr(hint, "__origin__", None) is tuple:
        return {"type": "array", "items": {"anyOf": [facts, {"type": "string"}]}}
    return facts


def _shape(hint: Any, definitions: Dict[str, _Schema]) -> _Schema:
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if hint == Text or hint is Said:
        return {"type": "string"}
    if getattr(hint, "__origin__", None) is Union:
        shapes: List[_Schema] = [_shape(one, definitions) for one in hint.__args__]
        plain = all(one in _PLAIN for one in hint.__args__)
        return {"type": [shape["type"] for shape in shapes]} if plain else {"anyOf": shapes}
    if getattr(hint, "__origin__", None) is tuple:
        return {"type": "array", "items": _shape(hint.__args__[0], definitions)}
    _define(hint, definitions)
    return {"$ref": f"#/$defs/{hint.__name__}"}
