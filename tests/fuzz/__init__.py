# SPDX-License-Identifier: Apache-2.0
"""Broken input of every kind, and what must hold of every answer to it."""
