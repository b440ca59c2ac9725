# SPDX-License-Identifier: Apache-2.0
"""Turns report data into text and JSON."""
