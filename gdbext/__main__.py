# SPDX-License-Identifier: Apache-2.0
"""`python3 -m gdbext`, the same as `memtrace`: nothing comes out of it but lines and a status."""

import os
import sys

from gdbext.faces import shell
from gdbext.model.errors import one_line
from gdbext.report.printable import say

_INTERRUPTED, _NOBODY_READS = 130, 141  # as shells have it


def main() -> int:
    """Runs a command; a bug of ours is one line, and Python's developer mode shows where it lies."""
    try:
        status = shell.main()
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        say("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NOBODY_READS
    except Exception as problem:
        if sys.flags.dev_mode:
            raise
        what = f"{type(problem).__name__}: {one_line(problem)}"
        say(f"a bug of memtrace: {what}; python3 -X dev -m gdbext ... shows where")
        return 2


if __name__ == "__main__":
    sys.exit(main())
