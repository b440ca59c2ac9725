# SPDX-License-Identifier: Apache-2.0
"""What memtrace says of files in flash that are not whole."""

SENTENCES = {
    "flash-file-cut": "only the first {read:byte} of the {all:byte} of the file are there: what follows is lost",
    "flash-partition-cut": "the image ends before partition {name} does: only {read:byte} of its {all:byte} are there",
    "flash-file-lost": "nothing of the {all:byte} of the file is there",
    "littlefs-folders-lost": "not found, but the entries of {folders:folder} are lost",
    "littlefs-too-large": "it claims {size:byte}, more than all {blocks:block} of the file system hold",
    "wl-fat-lost": "the order of the sectors under the wear levelling is lost, or the volume's first one",
}
