# SPDX-License-Identifier: Apache-2.0
"""The reports as data, one file each. `--json` prints these records, and tests look at them."""
