# SPDX-License-Identifier: Apache-2.0
"""What memtrace says of files in flash that are not whole."""

SENTENCES = {
    "flash-file-cut": "only the first {read:byte} of the {all:byte} of the file are there: what follows is lost",
    "flash-partition-cut": "the image ends before partition {name} does: only {read:byte} of its {all:byte} are there",
}
