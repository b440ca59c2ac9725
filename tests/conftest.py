# SPDX-License-Identifier: Apache-2.0
"""Fixtures that every folder of tests may use, and when each test runs.

tests/support/selection.py says which are quick and which are long. A quick test gets no chip. The tests that need the
Xtensa tools wait for these at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

# What a helper asserts is told as what a test asserts: this comes before anything of it is imported.
pytest.register_assert_rewrite("tests.support", "tests.image.ask", "tests.unit.recorder")

from tests.support import firmware, selection  # noqa: E402
from tests.support.barred import barred  # noqa: E402
from tests.support.xtensa import LOG, Tools, needs_tools  # noqa: E402
from tests.toolchain.where import CPU_MINUTES, locate, users_cache  # noqa: E402

TOOLS = Tools()


@pytest.fixture(scope="session")
def build_firmware() -> Callable[[str], Path]:
    """The builder of test firmware: `build_firmware(VARIANT)` is the path of its ELF, built if it is not current."""
    return firmware.build


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Names of addresses are kept in another folder than the user's, and not from one run of the tests to the next."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMTRACE_TOOLS", str(users_cache()))
        patch.setenv("GOCACHE", str(Path(sys.prefix) / "go-cache"))  # where tools/setup has compiled pprof
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_itemcollected(item: pytest.Item) -> None:
    """`-m quick` and `-m "not long"` choose by the names of the tests."""
    for marker, applies in (("quick", selection.is_quick), ("long", selection.is_long)):
        if applies(item.nodeid):
            item.add_marker(marker)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """For the quick tests alone the other files are not even imported: that would cost more than many of them."""
    if config.option.markexpr != "quick" or not collection_path.match("test_*.py"):
        return None
    return None if selection.has_quick(str(collection_path.relative_to(config.rootpath))) else True


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the Xtensa tools goes last."""
    items.sort(key=lambda item: needs_tools(item.nodeid))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Only now is it known which tests are chosen; the controller of xdist has none itself."""
    if session.config.option.collectonly:
        return
    if any(needs_tools(item.nodeid) for item in session.items):
        TOOLS.start()
    if not hasattr(session.config, "workerinput"):
        tell_what_waits(session.config, [item.nodeid for item in session.items])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """The controller hears what each worker has collected, which is the same for all."""
    if node.gateway.id == "gw0":
        tell_what_waits(node.config, ids)


def tell_what_waits(config: pytest.Config, tests: list[str]) -> None:
    """One line where tools are missing that tests need."""
    waiting = sum(map(needs_tools, tests))
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if waiting and reporter is not None and not locate().complete:
        reporter.write_line(
            f"xtensa: {waiting} of {len(tests)} tests run last and wait for a compiler and GDB for Xtensa, which are "
            f"built beside the others, once (about {CPU_MINUTES} CPU-minutes): tail -f {LOG}"
        )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Outside of the test and of its time limit: a build takes as long as the machine makes it."""
    if needs_tools(item.nodeid):
        TOOLS.wait()
    Tools.barred = "" if needs_tools(item.nodeid) else item.nodeid
    with barred(item.nodeid if item.get_closest_marker("quick") else ""):
        return (yield)


def pytest_unconfigure() -> None:
    """Leave no build behind."""
    TOOLS.stop()
