# SPDX-License-Identifier: Apache-2.0
"""The recorder's stacks beside those of glibc's backtrace(), at the same calls of malloc, in everybody's programs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import linux_log
from tests.support.linux import SECONDS, environment, library

SAMPLER = Path(__file__).parent / "programs" / "sampler.c"
FEW, MANY = 1_500, 12_000
DEPTH = 64

PYTHON = """
import json
objects = [{"name": str(i), "parts": [i, i * 1.5]} for i in range(2000)]
for turn in range(20):
    again = json.loads(json.dumps(objects))
    again.sort(key=lambda one: one["name"])
"""
PERL = """
my %h; for my $i (1..60000) { $h{"k$i"} = [$i, "v$i"] }
my @s = sort { $h{$a}[0] <=> $h{$b}[0] } keys %h; print scalar @s;
"""
SQL = """
create table t(a, b text);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 30000) insert into t select x, 'r' || x from c;
create index i on t(b); select count(*) from (select distinct b from t order by b desc);
"""
NODE = "let a = []; for (let i = 0; i < 300000; i++) a.push({i, s: 'x' + i}); console.log(JSON.stringify(a).length)"
BASH = 'for ((i = 0; i < 8000; i++)); do a[$i]="x$i"; b="${a[$i]/x/y}"; done; echo ${#a[@]}'

# Each every so many calls of malloc.
PROGRAMS = {
    "python3": (7, ["/usr/bin/python3", "-c", PYTHON]),
    "sqlite3": (4, ["sqlite3", ":memory:", SQL]),
    "perl": (3, ["perl", "-e", PERL]),
    "node": (20, ["node", "-e", NODE]),
    "bash": (3, ["bash", "-c", BASH]),
}


class Sample(NamedTuple):
    ours: linux_log.Stack
    theirs: list[int]


@pytest.fixture(scope="session")
def sampler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("sampler") / "sampler.so"
    line = ["gcc", "-O1", "-fno-omit-frame-pointer", "-fPIC", "-shared", "-o", str(to), str(SAMPLER), "-ldl"]
    subprocess.run(line, check=True, timeout=SECONDS)
    return to


def samples(sampler: Path, folder: Path, line: list[str], every: int, most: int, depth: int = DEPTH) -> list[Sample]:
    """Of a program: what the log has, and what backtrace() said at the same call."""
    env = environment(
        LD_PRELOAD=f"{sampler} {library()}",
        MEMTRACE_LOG=str(folder / "%p.log"),
        MEMTRACE_DEPTH=str(depth),
        SAMPLER_FILE=str(folder / "said"),
        SAMPLER_EVERY=str(every),
        SAMPLER_MOST=str(most),
        PYTHONMALLOC="malloc",
    )
    subprocess.run(line, env=env, check=True, stdout=subprocess.DEVNULL, timeout=SECONDS)
    return [sample for said in folder.glob("said.*") for sample in _of_process(folder, said)]


def _of_process(folder: Path, said: Path) -> Iterator[Sample]:
    theirs = [[int(pc, 16) for pc in line.split()] for line in said.read_text().splitlines()]
    log = linux_log.read(folder / f"{said.suffix[1:]}.log")
    marks = {number: text for (kind, number), text in log.names.items() if kind == 2}
    for events in log.streams.values():
        for before, event in pairwise(events):
            if event.kind == linux_log.MARK:
                yield Sample(log.stacks[before.stack], theirs[int(marks[event.address].split()[1])])


def differences(found: list[Sample]) -> list[Sample]:
    """Where they differ, but for the sampler's own frame. A stack that was cut is compared as far as it goes."""
    return [one for one in found if list(one.ours.pcs[1:]) != _as_far(one)]


def _as_far(sample: Sample) -> list[int]:
    return sample.theirs[: len(sample.ours.pcs) - 1] if sample.ours.end == 1 else sample.theirs


@pytest.mark.parametrize("most", [FEW, MANY])
@pytest.mark.parametrize("name", PROGRAMS)
def test_stacks_are_those_of_backtrace(sampler: Path, tmp_path: Path, name: str, most: int) -> None:
    every, line = PROGRAMS[name]
    if shutil.which(line[0]) is None:
        pytest.fail(f"no {line[0]} here: make setup installs it")
    found = samples(sampler, tmp_path, line, every, most)
    assert len(found) == most
    assert not differences(found)
    assert not [one for one in found if one.ours.end == 2]


def test_a_stack_is_cut_at_the_depth_that_was_asked_for(sampler: Path, tmp_path: Path) -> None:
    every, line = PROGRAMS["python3"]
    found = samples(sampler, tmp_path, line, every, FEW, depth=12)
    assert not differences(found)
    assert max(len(one.ours.pcs) for one in found) == 12
    for one in found:
        assert (one.ours.end == 1) == (len(one.theirs) + 1 > 12)
