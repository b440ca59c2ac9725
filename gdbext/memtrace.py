# SPDX-License-Identifier: Apache-2.0
"""What GDB sources: makes the package importable and registers its commands, nothing else."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from gdbext.faces.gdb import register

register()
