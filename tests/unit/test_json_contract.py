# SPDX-License-Identifier: Apache-2.0
"""What version 1 of `--json` has promised: fields may be added, none is renamed or taken away."""

from __future__ import annotations

import json

import pytest

from gdbext.commands import command_named, headings
from gdbext.model.record import fields_of
from gdbext.report.json import OPTIONAL, SHAPED
from gdbext.report.schema import schema_of

FRAME = "pc function file line inlined"
PROMISED = {
    "CheckReport": "assertion heaps trace skipped cost",
    "Assertion": "text function seq",
    "HeapReport": "kind layout name address start end status missing poisoning used_blocks free_blocks used_bytes "
    "free_bytes largest_free minimum_free findings gaps resumed blocks",
    "Finding": "rule severity group address length block bytes text suspects explanations",
    "Suspect": "payload size state task seq allocated freed why",
    "Explanation": "kind payload text evidence",
    "Gap": "start end",
    "Block": "payload raw size requested state",
    "TraceInfo": "kept lost first last running",
    "Skipped": "check why",
    "Cost": "bytes reads seconds",
    "Frame": FRAME,
    "LastReport": "address block generations trace skipped cost",
    "Place": "payload raw size requested offset state heap",
    "Life": "payload size task seq allocated freed_seq freed_task freed",
    "BlocksReport": "blocks total trace skipped cost",
    "BlockEntry": "heap payload raw size requested state owner",
    "Owner": "seq task allocated",
    "BlocksTotal": "blocks bytes",
    "UsageReport": "source totals sites tree timeline tasks modules marks trace skipped cost",
    "LogSource": "format file build_id complete unread",
    "UsageTotals": "allocations frees bytes_allocated peak_bytes peak_blocks live_blocks live_bytes temporary "
    "invalid_frees failed",
    "Site": "function file line path task module allocations bytes live_blocks live_bytes peak_bytes at_peak_bytes "
    "temporary windows_grown class stacks",
    "SiteStack": "frames live_bytes live_blocks allocations",
    "TreeNode": "name max_use leak children",
    "DiffReport": "from to sites vanished skipped cost",
    "SiteChange": "function file line path bytes_change blocks_change frames",
    "ExplainReport": "crashes leaks lines skipped",
    "Explained": "situation certainty line chip framework addresses expected got got_is by backtrace text next",
    "LogReport": "events trace skipped cost",
    "LogEntry": "seq kind payload size task core time stack",
}


def definitions() -> dict[str, dict[str, object]]:
    reports = [command_named(name).report for name, _ in headings()]
    found = json.loads(schema_of([report for report in reports if report is not None]))["$defs"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", PROMISED)
def test_every_promised_field_is_there(name: str) -> None:
    held = definitions()[name]
    promised = set(PROMISED[name].split())
    assert promised <= set(held["properties"])  # type: ignore[call-overload]
    left_out = {field for kind, fields in OPTIONAL.items() if kind.__name__ == name for field in fields}
    assert promised - left_out <= set(held["required"])  # type: ignore[call-overload]


def test_shaped_fields_are_of_their_records() -> None:
    for kind, fields in SHAPED.items():
        assert "resumed" in fields_of(kind) and "resumed" in fields
