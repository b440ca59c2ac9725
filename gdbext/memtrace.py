# SPDX-License-Identifier: Apache-2.0
memtrace_needs_a_GDB_with_Python = True  # a GDB without Python takes this for a command, and prints it as unknown

# The file that GDB sources. It makes the package importable and registers the commands, nothing else.

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from gdbext.faces.gdb import register

register()
