# SPDX-License-Identifier: Apache-2.0
"""`python3 -m gdbext`, the same as `memtrace`."""

import sys

from gdbext.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
