#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Like NuttX's mkdeps, which finds each source by its name in the folders that --dep-path names.

folders=
while [ "$1" = --dep-path ]; do
    folders="$folders $2"
    shift 2
done
for source in "$@"; do
    found=
    for folder in $folders; do
        [ -e "$folder/$source" ] && found=$folder/$source
    done
    [ -n "$found" ] || { echo "# ERROR: no file for $source" >&2; exit 1; }
done
