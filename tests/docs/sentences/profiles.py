# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of reports over a whole log appear."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

from gdbext.analyse.profile.conclusions import conclude
from gdbext.analyse.profile.growth import Ends
from gdbext.target.files import file_target
from tests.docs.connections import connections
from tests.docs.sentences.world import ask
from tests.support.log import Log
from tests.unit.profile_world import Running

MAIN = "app_main main.c:9"
SITE, OTHER = ("entry_create load.c:23", MAIN), ("decode audio.c:15", MAIN)


def growing(rounds: int = 60) -> Running:
    """Each round keeps a block."""
    program = Running()
    for _ in range(rounds):
        program.alloc(40, *SITE)
        program.free(program.alloc(400, *OTHER))
        program.free(program.alloc(8, "free_soon a.c:3", MAIN))
    return program


def held(rounds: int = 60) -> Running:
    """A block is kept from the first round on, others are freed; holes are left between blocks."""
    program = Running()
    blocks = [program.alloc(256, *SITE) for _ in range(5)]
    program.free(blocks[1])
    program.free(blocks[3])
    for number in range(rounds):
        program.free(program.alloc(16 + number, *OTHER))
        program.free(program.alloc(32, f"step_{number} steps.c:{number + 1}", MAIN))
    return program


def freed() -> Any:
    program = Running()
    program.free(program.alloc(40, *SITE))
    program.event("alloc-failed", 0, 4096, SITE)
    return program.report()


def many() -> Any:
    program = Running()
    for number in range(5):
        program.alloc(16 << number, f"step_{number} steps.c:{number + 1}", MAIN)
    return program.report()


def ending_early() -> Any:
    program = Running()
    program.alloc(40, "malloc malloc.c:12")
    return program.ask("report", "--leaks")


def stripped() -> Any:
    """A site without a line."""
    program = Running()
    program.alloc(40, "entry_create")
    return program.report()


def looking_like(*calls: str) -> Callable[[], Any]:
    def report() -> Any:
        program = Running()
        program.alloc(24, "operator new new.cc:50", *calls, MAIN)
        return program.report()

    return report


def lossy() -> Any:
    program = growing()
    program.lost = 12
    program.event("free", 0x2000_8000, 0, OTHER)
    return program.report()


def restarted() -> Any:
    program = growing()
    program.event("control", 0x200, 0, ())
    program.alloc(40, *SITE)
    return program.report()


def forked() -> Any:
    """A process that frees a block of the one that it was forked from."""
    log = Log(8, tick_hz=1000)
    log.process(100, b"./app", how=1)
    log.event("control", 0x200)
    log.event("free", 0x1000)
    log.event("alloc", 0x2000, 16)
    return of_log(log)


def same() -> Any:
    program = Running()
    program.mark("one")
    program.alloc(8, *SITE)
    program.mark("two")
    program.mark("three")
    return program.ask("diff", "--from", "two", "--to", "three")


def without_names() -> Any:
    log = Log()
    log.event("alloc", 0x2000_0000, 16, stack=log.stack(1, 0x4200_1000))
    return of_log(log)


def of_log(log: Log) -> Any:
    with tempfile.NamedTemporaryFile() as file:
        file.write(log.data)
        file.flush()
        return ask(file_target(file.name, [], None, []), "report")


RECIPES: dict[str, Callable[[], Any]] = {
    "a leak": lambda: growing().report(),
    "the leak's sites": lambda: growing().ask("report", "--leaks"),
    "a leak between marks": lambda: of_log(connections()),
    "blocks that stay": lambda: held().report(),
    "blocks that stay in a short log": lambda: held(0).report(),
    "all freed": freed,
    "nothing": lambda: Running().report(),
    "many sites": many,
    "a site without a line": stripped,
    "very many blocks": lambda: conclude((), growing().report().totals, Ends("none", (), ()), True, None, None),
    "a shared_ptr": looking_like("std::make_shared<Session> shared_ptr.h:1009", "session_open session.cc:12"),
    "a std::function": looking_like("std::_Function_base::_Base_manager std_function.h:161", "on_event bus.cc:8"),
    "a mutex": looking_like("pthread_mutex_init pthread.c:612", "queue_open queue.cc:31"),
    "printf": looking_like("__smakebuf_r makebuf.c:57", "printf printf.c:52", "log_line log.c:7"),
    "a stack that ends early": ending_early,
    "a locale": looking_like("std::locale::locale locale.cc:70", "format format.cc:4"),
    "a lossy log": lossy,
    "a recorder that was off for a while": restarted,
    "a forked process": forked,
    "a log without a program": without_names,
    "the same": same,
}
