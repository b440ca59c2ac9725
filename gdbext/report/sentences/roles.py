# SPDX-License-Identifier: Apache-2.0
"""What a block is for, as its bytes or those who know it prove."""

SENTENCES = {
    "role-stack": "stack of task {task}",
    "role-control": "control block of task {task}",
    "role-named": ' "{name}"',
    "role-queue": "queue{name} of {length:item} of {bytes:byte}, {waiting:,} in it",
    "role-semaphore": "semaphore{name}, {free:,} of {length:,} to be taken",
    "role-mutex": "mutex{name}",
    "role-timer": 'timer "{name}", which calls {function}',
    "role-event-group": "event group",
    "role-heap": "the {kind} heap at {place:#x} lies in it",
    "role-records": "the trace's own memory",
}
