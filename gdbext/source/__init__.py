# SPDX-License-Identifier: Apache-2.0
"""Bytes from somewhere: a GDB inferior, an image, a core."""
