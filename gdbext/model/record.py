# SPDX-License-Identifier: Apache-2.0
"""Frozen values with named fields: what dataclasses are, at a fortieth of what they cost to load.

Approach: a class that derives from Record has the fields that its annotations name, those that it inherits first. What
sets them is compiled when the first value is made, so that a class which a command never uses costs it nothing.
Rejected: dataclasses (4.4 million instructions a class, at each start: two thirds of what a small report took);
NamedTuple (a quarter of that, no inheritance, and two of different kinds are equal).
Limits: a default is shared by all values, so that it must not be a thing that changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Tuple, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Callable[[type], type]:
        """What type checkers need to be told; nothing at run time."""
        return lambda kind: kind


_Kind = TypeVar("_Kind", bound="Record")


@dataclass_transform(frozen_default=True)
class Record:
    """A frozen value. Two are equal if they are of one class and their fields are."""

    def __init_subclass__(cls) -> None:
        cls.__init__ = _first_init  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(_values(self))

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in zip(fields_of(type(self)), _values(self)))
        return f"{type(self).__name__}({', '.join(shown)})"


def fields_of(kind: type) -> Tuple[str, ...]:
    """The names of a record's fields, inherited ones first."""
    known: Tuple[str, ...] = kind.__dict__.get("_fields_of_record", ())
    if not known:
        classes = [one for one in reversed(kind.__mro__) if one is not Record]
        names = (name for one in classes for name in getattr(one, "__annotations__", ()))
        known = tuple(dict.fromkeys(names))
        kind._fields_of_record = known  # type: ignore[attr-defined]
    return known


def replace(value: _Kind, **changes: Any) -> _Kind:
    """The same value with some fields changed."""
    names = fields_of(type(value))
    return type(value)(**{**dict(zip(names, _values(value))), **changes})


def _values(value: Any) -> Tuple[Any, ...]:
    held = value.__dict__
    return tuple([held[name] for name in fields_of(type(value))])


def _first_init(self: Any, *values: Any, **named: Any) -> None:
    """Compiles what sets the fields of a class, and sets them for its first value."""
    kind = type(self)
    names = fields_of(kind)
    missing = object()
    defaults = {f"_{name}": getattr(kind, name, missing) for name in names}
    words = [name if defaults[f"_{name}"] is missing else f"{name}=_{name}" for name in names]
    lines = [f"def __init__(self, {', '.join(words)}):", " held = self.__dict__"]
    lines += [f" held[{name!r}] = {name}" for name in names]
    scope = dict(defaults)
    exec("\n".join(lines), scope)
    kind.__init__ = scope["__init__"]
    kind.__init__(self, *values, **named)
