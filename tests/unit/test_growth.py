# SPDX-License-Identifier: Apache-2.0
"""Growth: which sites grow each time, which grew once, which were freed later; and what only looks so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from gdbext.analyse.profile.growth import class_of
from tests.cli.shell import shell
from tests.unit.profile_world import Running, site

ROUNDS = 60
SITE, OTHER = ("get a.c:3", "main a.c:9"), ("work b.c:5", "main a.c:10")


def leak(program: Running, number: int) -> None:
    """A block that is kept in each round."""
    program.alloc(40, *SITE)


def slow_leak(program: Running, number: int) -> None:
    """A block that is kept in every sixth round."""
    if number % 6 == 0:
        program.alloc(40, *SITE)


def warm_up(program: Running, number: int) -> None:
    """A cache is filled in the first rounds, and stays."""
    if number < 6:
        program.alloc(100, *SITE)


def sawtooth() -> Callable[[Running, int], None]:
    """Something that is gathered, and given back all at once, again and again."""
    held: list[int] = []

    def act(program: Running, number: int) -> None:
        held.append(program.alloc(64, *SITE))
        if number % 7 == 6:
            while held:
                program.free(held.pop())

    return act


def given_back() -> Callable[[Running, int], None]:
    """Grows in two thirds of the rounds. All is freed in the last third."""
    held: list[int] = []

    def act(program: Running, number: int) -> None:
        if number < 40:
            held.append(program.alloc(64, *SITE))
        elif held:
            program.free(held.pop())
            program.free(held.pop())

    return act


def toggling() -> Callable[[Running, int], None]:
    """One block that is there in every other round."""
    held: list[int] = []

    def act(program: Running, number: int) -> None:
        if held:
            program.free(held.pop())
        else:
            held.append(program.alloc(432, *SITE))

    return act


def running(act: Callable[[Running, int], None], marks: bool) -> Running:
    """Rounds of it beside other work, with a mark behind each tenth or without marks."""
    program = Running()
    for number in range(ROUNDS):
        act(program, number)
        for _ in range(3):
            program.free(program.alloc(16, *OTHER))
        if marks and number % 10 == 9:
            program.mark(f"round {number}")
    return program


@pytest.mark.parametrize("marks", [False, True], ids=["parts", "marks"])
@pytest.mark.parametrize(
    ("act", "wanted"),
    [
        (leak, "grows"),
        (slow_leak, "grows"),
        (warm_up, "once"),
        (sawtooth(), "unknown"),
        (given_back(), "freed"),
        (toggling(), "freed"),
    ],
    ids=["leak", "slow leak", "warm-up", "sawtooth", "given back", "toggling"],
)
def test_what_a_site_does_is_told(act: Callable[[Running, int], None], wanted: str, marks: bool) -> None:
    report = running(act, marks).report()
    assert report.windows.kind == ("marks" if marks else "parts")
    assert site(report, "get").class_ == wanted
    assert site(report, "work").class_ == "freed"
    growing = [one.function for one in report.sites if one.class_ == "grows"]
    assert growing == (["get"] if wanted == "grows" else [])
    (answer,) = [one for one in report.conclusions if one.question == "leak"]
    assert (answer.text.key == "leak-grows") == (wanted == "grows")


@pytest.mark.parametrize("act", [leak, slow_leak, warm_up, given_back()], ids=["leak", "slow", "warm-up", "given back"])
def test_a_log_tells_the_same(act: Callable[[Running, int], None], tmp_path: Path) -> None:
    """The engine replays the same events from a log: the windows are the same, and so are the classes."""
    program = running(act, marks=True)
    path = tmp_path / "a.log"
    path.write_bytes(program.log())
    told = shell("report", path)
    expected = program.report()
    assert [end["name"] for end in told["windows"]["ends"]] == [end.name for end in expected.windows.ends]
    assert [(one["class"], one["windows"], one["peak_bytes"]) for one in told["sites"]] == [
        (one.class_, list(one.windows), one.peak_bytes) for one in expected.sites
    ]


def test_what_comes_and_goes_at_random_does_not_grow(tmp_path: Path) -> None:
    """Of these 150 sites one rises in seven of eight windows by chance. One that leaks a little beside it is found."""
    random, program = Random(3), Running()
    held: dict[int, int] = {}
    for number in range(80_000):
        slot = random.randrange(8000)
        if slot in held:
            program.free(held.pop(slot))
        else:
            held[slot] = program.alloc(32, f"step_{slot % 150} s.c:{slot % 150}", "main a.c:9")
        if number % 1600 == 0:
            program.alloc(32, *SITE)
    path = tmp_path / "a.log"
    path.write_bytes(program.log())
    growing = [one for one in shell("report", path)["sites"] if one["class"] == "grows"]
    leak, _ = program.names.pcs(SITE)
    assert [one["stacks"][0]["frames"][0]["pc"] for one in growing] == [leak]


def test_windows_are_counted() -> None:
    report = running(leak, marks=True).report()
    grown = site(report, "get")
    assert [end.name for end in report.windows.ends] == [f"round {number}" for number in range(9, 60, 10)]
    assert (grown.windows, grown.windows_grown) == ((400, 800, 1200, 1600, 2000, 2400), 5)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ((0, 10, 20, 20, 40), "grows"),  # in 3 of 4
        ((0, 10, 10, 10, 40), "unknown"),  # in 2 of 4
        ((0, 10, 20, 30, 8), "unknown"),  # ends higher by no more than a block
        ((0, 50, 50, 50, 50), "once"),
        ((0, 0, 0, 0, 50), "unknown"),  # who knows what comes next
        ((50, 60, 70, 60, 50), "freed"),
        ((0, 50, 100), "grows"),
        ((0, 50, 50), "once"),  # one of two rose, as at any start
    ],
)
def test_the_bounds_of_classes(row: tuple[int, ...], wanted: str) -> None:
    assert class_of(row, 8, 10, row[-1]) == wanted


def test_without_windows_growth_is_not_told() -> None:
    program = Running()
    program.alloc(8, *SITE)
    program.free(program.alloc(8, *OTHER))
    report = program.report()
    assert (report.windows.kind, site(report, "get").windows_grown) == ("none", None)
    assert (site(report, "get").class_, site(report, "work").class_) == ("unknown", "freed")
