# SPDX-License-Identifier: Apache-2.0
"""Reports over what was recorded: sites, paths, trees with peaks of their own, shares, filters, differences."""

from __future__ import annotations

import pytest

from gdbext.analyse.profile.differences import changes
from gdbext.analyse.profile.holes import holes_of
from gdbext.analyse.profile.sites import from_site, parts_of, path_of, place_named
from gdbext.collect.trace_profile import traced
from gdbext.commands import command_named
from gdbext.commands.parsing import parsed_in_shell
from gdbext.model.errors import UserError
from gdbext.model.events import Frame
from gdbext.model.profile import Live, Owner
from gdbext.model.reports.tree import TreeNode
from tests.unit.profile_world import Running, site

MAIN = "main app/main.c:9"


def frames(*calls: str) -> tuple[Frame, ...]:
    names = Running().names
    return names.frames(names.pcs(calls))


@pytest.mark.parametrize(
    ("calls", "skip", "wanted"),
    [
        (("malloc heap.c:1", "get a.c:3"), (), "get"),
        (("__wrap_malloc w.c:1", "strdup s.c:4", "get a.c:3"), (), "get"),
        (("operator new(unsigned int) new.cc:5", "std::vector<int>::push_back v.h:9", "get a.c:3"), (), "get"),
        (("media_lib_calloc media_lib_os.c:15", "audio_calloc audio_mem.c:14", "get a.c:3"), (), "get"),
        (
            ("std::make_shared<app::Session> shared_ptr.h:9", "app::make<std::string> a.cc:3"),
            (),
            "app::make<std::string>",
        ),
        (("_M_allocate /usr/include/c++/12/bits/v.h:9", "get a.c:3"), (), "get"),
        (("pool_get pool.c:7", "get a.c:3"), (), "pool_get"),
        (("pool_get pool.c:7", "get a.c:3"), ("pool_get",), "get"),
        (("pool_get lib/pool.c:7", "get a.c:3"), ("pool.c",), "get"),
        (("pool_get lib/pool.c:7", "get a.c:3"), ("lib/pool.c:7",), "get"),
        (("pool_get lib/pool.c:7", "get a.c:3"), ("pool.c:8",), "pool_get"),
        (("pool_get lib/spool.c:7", "get a.c:3"), ("pool.c",), "pool_get"),
        (("pool::get(int) p.cc:7", "get a.c:3"), ("pool::get",), "get"),
        (("get a.c:3", "pool_get pool.c:7", "other b.c:1"), ("pool_get",), "get"),
        (("malloc heap.c:1", "calloc heap.c:9"), (), "calloc"),  # its caller was not recorded
    ],
)
def test_a_site_is_found_outside_of_wrappers(calls: tuple[str, ...], skip: tuple[str, ...], wanted: str) -> None:
    assert from_site(frames(*calls), [place_named(text) for text in skip])[0].function == wanted


def test_a_path_names_a_stack_across_builds() -> None:
    one, moved = frames("get a.c:3", MAIN), frames("get a.c:5", "main main.c:2")
    inlined = (one[0], Frame(1, "helper", "a.c", 1, True), one[1])
    assert path_of(one) == path_of(moved) == path_of((Frame(7, "get"), Frame(8, "main")))
    assert len({path_of(one), path_of(one[:1]), path_of(one[::-1]), path_of(inlined)}) == 4


@pytest.mark.parametrize(
    ("frame", "wanted"),
    [
        (Frame(1, "f", "app/a.c", 3), ("app", "a.c", "3")),
        (Frame(1, "f", "/work/app/a.c", 3), ("/work", "app", "a.c", "3")),
        (Frame(1, "f", "app\\sub\\..\\a.c", None), ("app", "a.c", "?")),
        (Frame(1, "f"), ("?", "f")),
        (Frame(16), ("?", "0x10")),
        (None, ("?",)),
    ],
)
def test_a_place_in_the_tree(frame: Frame | None, wanted: tuple[str, ...]) -> None:
    assert parts_of(frame) == wanted


def test_a_path_of_very_many_folders_is_bounded() -> None:
    assert len(parts_of(Frame(1, "f", "a/" * 5000 + "b.c", 3))) == 34


def two_files() -> Running:
    """Two files of one folder hold 100 and 60 bytes at different times, then 100 and 30 together."""
    program = Running()
    first = program.alloc(100, "get app/a.c:3", MAIN, task="net", module="http", heap=1)
    program.free(first)
    second = program.alloc(60, "put app/b.c:4", MAIN, task="ui", heap=1)
    program.free(second)
    program.alloc(90, "get app/a.c:3", MAIN, task="net", module="http", heap=1)
    program.mark("half")
    program.alloc(30, "put app/b.c:4", MAIN, task="ui", heap=2)
    program.alloc(5, "get app/a.c:3", "other app/main.c:20", task="ui")
    return program


def leaves(node: TreeNode, above: str = "") -> dict[str, tuple[int, int]]:
    found = {above: (node.max_use, node.leak)}
    for child in node.children:
        found |= leaves(child, f"{above}/{child.name}")
    return found


def test_a_directory_has_a_peak_of_its_own() -> None:
    tree = two_files().ask("tree").tree
    assert leaves(tree) == {
        "": (125, 125),
        "/app": (125, 125),
        "/app/a.c": (100, 95),
        "/app/a.c/3": (100, 95),
        "/app/b.c": (60, 30),
        "/app/b.c/4": (60, 30),
    }


def test_sites_and_their_stacks() -> None:
    report = two_files().report()
    get = site(report, "get")
    assert (get.file, get.line, get.task, get.module) == ("app/a.c", 3, None, None)
    assert (get.allocations, get.bytes, get.live_blocks, get.live_bytes) == (3, 195, 2, 95)
    assert (get.peak_bytes, get.at_peak_bytes, get.temporary) == (100, 95, 1)
    assert [(stack.live_bytes, stack.frames[-1].line) for stack in get.stacks] == [(90, 9), (5, 20)]
    assert get.path == get.stacks[0].path != get.stacks[1].path
    assert site(report, "put").task == "ui"


def test_tasks_modules_and_heaps_have_peaks_of_their_own() -> None:
    report = two_files().report()
    assert {(one.name, one.peak_bytes, one.live_bytes) for one in report.tasks} == {("net", 100, 90), ("ui", 60, 35)}
    assert [(one.name, one.peak_bytes) for one in report.modules] == [("http", 100)]
    assert {(one.name, one.peak_bytes) for one in report.heaps} == {("internal", 100), ("heap 2", 30), ("heap 0", 5)}
    assert report.libraries == ()


@pytest.mark.parametrize(
    ("words", "live"),
    [
        (("--task", "ui"), 35),
        (("--module", "http"), 90),
        (("--heap", "internal"), 90),
        (("--heap", "2"), 30),
        (("--func", "put"), 30),
        (("--file", "a.c"), 95),
        (("--func", "other"), 5),
        (("--size", "20:40"), 30),
        (("--since", "half"), 35),
        (("--until", "half"), 90),
        (("--at", "half"), 90),
        (("--since", "seq:6"), 35),
        (("--until", "seq:4"), 90),
    ],
)
def test_filters(words: tuple[str, ...], live: int) -> None:
    assert two_files().report(*words).totals.live_bytes == live


def test_a_filter_that_nothing_passes_says_what_there_is() -> None:
    report = two_files().report("--task", "nobody")
    assert (report.sites, [one.key for one in report.empty]) == ((), ["nothing-passes", "no-such-task"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "never"), "no mark never was recorded; there are: half"),
        (("--since", "seq:x"), "seq:x: give a number, as in seq:1000, or the name of a mark"),
        (("--follow",), "--follow goes on with a log, in the shell: of a target, ask again instead"),
        (("--at", "half", "--until", "half"), "--at and --until both say where to end: give one of them"),
    ],
)
def test_what_cannot_be_asked_is_one_line(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError) as refused:
        two_files().report(*words)
    assert str(refused.value) == said


def test_wrong_frees_are_listed_with_both_stacks() -> None:
    program = Running()
    block = program.alloc(40, "get a.c:3", MAIN)
    program.free(block, "drop a.c:9", MAIN)
    program.free(block, "drop_again a.c:12", MAIN, task="net")
    program.free(0x1234, "drop a.c:9", MAIN)
    report = program.report()
    double, unknown = report.odd_frees
    assert (double.kind, double.task, double.frames[0].function, double.allocated[0].function) == (
        "double", "net", "drop_again", "get",
    )  # fmt: skip
    assert (unknown.kind, unknown.address, report.totals.invalid_frees) == ("unknown", 0x1234, 2)


def test_holes_between_live_blocks_are_an_upper_bound() -> None:
    """Blocks lie 16 bytes apart at least, which may be headers. What pins the largest hole is named."""
    program = Running()
    blocks = [program.alloc(240, f"step_{number} a.c:{number}", MAIN) for number in range(8)]
    for number in (1, 2, 4, 6):
        program.free(blocks[number])
    (answer,) = [one for one in program.report().conclusions if one.question == "fragmentation"]
    facts = dict(answer.text.values)
    step = blocks[1] - blocks[0]
    assert answer.certainty == "possible"
    assert (facts["holes"], facts["largest"], facts["live"]) == (3, 3 * step - 240, 4 * 240)
    assert (facts["span"], facts["bytes"]) == (7 * step + 240, 7 * step - 3 * 240)
    assert dict(facts["pinned"].values)["site"].values[0] == ("function", "step_3")


def test_holes_end_where_nothing_lives_for_long() -> None:
    owners = (Owner(1, 0, 0, 0), Owner(1, 0, 0, 1))
    places = ((0x1000, 0), (0x1200, 0), (0x20_0000, 0), (0x1100, 1))
    live = [Live(place, 64, owner, None, None) for place, owner in places]
    first, other = holes_of(owners, [*live, Live(0x1080, 16, 0, None, None, True)])
    assert (first.heap, first.holes, first.largest, first.live_bytes, first.pin) == (0, 1, 0x1C0, 192, None)
    assert (other.heap, other.holes, other.span) == (1, 0, 64)


def test_two_marks_are_compared_by_path() -> None:
    program = Running()
    kept = [program.alloc(16, "keep a.c:1", MAIN) for _ in range(3)]
    gone = program.alloc(8, "gone a.c:2", MAIN)
    program.mark("before")
    program.free(kept[0])
    program.free(gone)
    program.alloc(100, "new a.c:3", MAIN)
    program.mark("after")
    program.alloc(1000, "later a.c:4", MAIN)
    report = program.ask("diff", "--from", "before", "--to", "after")
    changes = {
        one.function: (one.bytes_change, one.blocks_change, one.from_bytes, one.to_bytes) for one in report.sites
    }
    assert changes == {"new": (100, 1, 0, 100), "keep": (-16, -1, 48, 32), "gone": (-8, -1, 8, 0)}
    assert [one.function for one in report.sites] == ["new", "gone", "keep"]
    assert (report.from_.live_bytes, report.to.live_bytes, report.vanished) == (56, 132, ())


def test_releases_are_compared_by_path() -> None:
    """Lines and addresses have changed; a function was renamed, another one is new."""
    older, newer = Running(), Running()
    older.alloc(10, "get a.c:3", "main m.c:9")
    older.alloc(20, "old_name a.c:8", "main m.c:10")
    newer.alloc(5, "new a.c:1", "main m.c:8")
    newer.alloc(30, "get a.c:13", "main m.c:19")
    newer.alloc(20, "new_name a.c:18", "main m.c:20")
    before, after = (traced(one.target(), parsed_in_shell(command_named("tree"), [])) for one in (older, newer))
    sites, vanished = changes(before.profile, before.grouping, after.profile, after.grouping)
    assert {(one.function, one.line, one.bytes_change) for one in sites} == {
        ("get", 13, 20), ("new_name", 18, 20), ("new", 1, 5),
    }  # fmt: skip
    assert [(one.function, one.from_bytes, one.to_bytes) for one in vanished] == [("old_name", 20, 0)]


def test_the_tree_is_drawn() -> None:
    assert two_files().text("tree")[:6] == [
        "     max-use         leak  directory > file > line",
        "         125          125  all",
        "         125          125  └─ app",
        "         100           95     ├─ a.c",
        "         100           95     │  └─ 3",
        "          60           30     └─ b.c",
    ]
