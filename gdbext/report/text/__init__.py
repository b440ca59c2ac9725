# SPDX-License-Identifier: Apache-2.0
"""Reports as text: data in, lines out; nothing is concluded here."""
