# SPDX-License-Identifier: Apache-2.0
"""Stopping where an allocation fails, and what is said there."""

from __future__ import annotations

from tests.support.firmware import build
from tests.support.gdb import SOURCE, Capture, run_gdb
from tests.support.scenario import run_scenario

ON = ["set memtrace stop-on-failure on"]


def test_the_target_stops_at_the_failed_allocation_and_says_who_asked() -> None:
    lines = run_scenario("exhaustion", [], before=ON).stdout.splitlines()
    first = next(
        index for index, line in enumerate(lines) if line.startswith("memtrace: an allocation fails here, asked for by")
    )
    assert "app_main > test_exhaustion > frame_create" in lines[first]
    assert lines[first + 1].startswith("why: 8,192 bytes do not fit: memory has run out, 2,084 bytes are free")
    assert lines[first + 2] == "request  fails now: 8,192 bytes with default"
    assert any(line.endswith("next: memtrace leaks") for line in lines)


def test_freertos_hook_tells_no_size_and_an_older_failure_is_no_answer() -> None:
    """The second failure: the trace has the first one by then."""
    lines = run_scenario("exhaustion", ["continue"], variant="heap-4", before=ON).stdout.splitlines()
    stops = [index for index, line in enumerate(lines) if line.startswith("memtrace: an allocation fails here")]
    assert len(stops) == 2
    for stop in stops:
        assert "asked for by" in lines[stop] and "test_exhaustion > frame_create" in lines[stop]
        assert lines[stop].endswith("its size is not told here: `heap-free --for SIZE` says why")
    second = lines[stops[1] :]
    assert not any(line.startswith(("why:", "request")) for line in second)
    assert second[1] == "  what lives there" and "57,344 bytes      7 blocks  frame_create load.c:56" in second[2]


def test_a_size_can_be_given_at_freertos_hook() -> None:
    report = run_scenario("exhaustion", [Capture("heap-free --for 8192 --json")], variant="heap-4", before=ON).json()
    assert (report["request"]["origin"], report["request"]["size"]) == ("asked", 8192)
    assert report["answer"].startswith("8,192 bytes do not fit")


def test_the_breakpoint_stays_where_it_is_and_other_settings_do_not_ask_for_it() -> None:
    """A program without a function to stop at was loaded after the setting was given."""
    info = "maint info breakpoints"
    lines = [SOURCE, *ON, "set memtrace auto-stop off", info, "set memtrace auto-stop off", info, "file /bin/true"]
    shown = run_gdb([*lines, "set memtrace auto-stop on", "show memtrace auto-stop"], elf=build("default"))
    places = [line for line in shown.stdout.splitlines() if "heap_caps_alloc_failed" in line]
    assert places and places[: len(places) // 2] == places[len(places) // 2 :]
    assert "nothing to stop at" not in shown.stdout + shown.stderr
