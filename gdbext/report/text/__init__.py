# SPDX-License-Identifier: Apache-2.0
"""Turns report data into lines of text. Nothing is concluded here."""
