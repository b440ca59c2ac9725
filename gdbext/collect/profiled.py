# SPDX-License-Identifier: Apache-2.0
"""Adds up what was recorded of a target into a profile: its log, else the trace in its memory.

It stands apart from both, which only those load who ask for a profile.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Iterator, Optional

from gdbext.collect.profiles import Profiled
from gdbext.loading import load
from gdbext.model.errors import UserError
from gdbext.target.target import Target


def followed(target: Target, options: Namespace) -> Iterator[Profiled]:
    """Yields the profile of a log that is still being written, again and again."""
    log = _log_of(target, options)
    if log is None:
        raise UserError("--follow goes on with a log: of a core or a live target, ask again instead")
    profiles: Iterator[Profiled] = log.follow()
    return profiles


def profiled(target: Target, options: Namespace, until: Optional[str] = None) -> Profiled:
    """Returns the profile of a target's log, else of its trace. `until` is the name of a mark at which it ends."""
    log = _log_of(target, options, until)
    found: Profiled
    if log is None:
        found = load("collect.trace_profile", "traced")(target, options, until)
        return found
    log.read()
    found = log.profiled()
    return found


def _log_of(target: Target, options: Namespace, until: Optional[str] = None) -> Any:
    """Returns the profile of the target's log, of which nothing is read yet; None if it has none."""
    if not isinstance(target.log, load("target.log", "GivenLog")):
        return None
    return load("collect.log_profile", "LogProfile")(target.log, options, until)
