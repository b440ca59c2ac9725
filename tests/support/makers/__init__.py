# SPDX-License-Identifier: Apache-2.0
"""Intact heaps with known truth, one file a family: `make(rng) -> Made`, as tests/support/made.py asks for."""
