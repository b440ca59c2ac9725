# SPDX-License-Identifier: Apache-2.0
"""The reports as data, one file each: what `--json` prints and what tests look at."""
