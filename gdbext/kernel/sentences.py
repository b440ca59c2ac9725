# SPDX-License-Identifier: Apache-2.0
"""What memtrace says of a kernel's lists and tasks."""

SENTENCES = {
    "lists-interrupted": "the reading of {kernel}'s lists was interrupted",
    "lists-unknown": (
        "neither debug information nor its bytes tell what {kernel}'s lists look like: no task is told apart"
    ),
    "kernel-unknown": "{variable}, which leads to {kernel}'s tasks, is not in the memory that is known here",
    "tasks-missing": "FreeRTOS counts {counted:task}, and its lists hold {found:,} of them",
    "more-problems": "{problems:more problem} of {kernel}'s lists",
    "list-unknown": "FreeRTOS's {list} is not in the memory that is known here",
    "list-damaged": "{kernel}'s {list} is damaged: {why}: what it held is not all known",
    "list-miscounts": "FreeRTOS's {list} at {place:#x} says {counted:task} and links {linked:,}",
    "list-too-long": "it is longer than {tasks:task}",
    "item-nowhere": "the item behind {before:#x} would be at {item:#x}, where none can be",
    "item-leads-elsewhere": "the item {item:#x} does not lead back to {before:#x}",
    "item-of-other-list": "the item {item:#x} says that it is in another list",
    "item-outside-owner": "the item {item:#x} is not in the control block at {owner:#x} that it names",
    "table-unknown": "{kernel}'s table of tasks would be at {place:#x} with {slots:slot}, where none can be",
    "task-of-other-slot": "the task at {place:#x}, in slot {slot:,} of {kernel}'s table, has pid {pid:,} of another",
    "task-unknown": "the control block of a task at {place:#x} is not in the memory that is known here",
}
