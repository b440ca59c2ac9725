# SPDX-License-Identifier: Apache-2.0
"""The file that GDB sources. It makes the package importable and registers the commands, nothing else."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from gdbext.faces.gdb import register

register()
