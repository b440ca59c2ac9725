# SPDX-License-Identifier: Apache-2.0
"""Where bytes come from: a GDB inferior, an image or a core."""
