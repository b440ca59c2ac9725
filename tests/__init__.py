# SPDX-License-Identifier: Apache-2.0
"""The tests of memtrace, and in `tests.support` the harness that they stand on."""
