# SPDX-License-Identifier: Apache-2.0
"""`python3 -m gdbext` runs the `memtrace` command. It prints lines, never a traceback, and ends with a status."""

import sys

from gdbext.faces import shell
from gdbext.model.errors import one_line
from gdbext.report.printable import say

_INTERRUPTED, _NOBODY_READS = 130, 141  # the statuses that shells use: 128 + SIGINT, 128 + SIGPIPE


def main() -> int:
    """Runs a command and returns its status. A bug of memtrace prints one line; with `-X dev` it raises."""
    try:
        return shell.main()
    except KeyboardInterrupt:
        say("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:  # `| head`
        return _NOBODY_READS
    except MemoryError:
        say("memory has run out: a report takes up to three times the bytes that it reads")
        return 2
    except Exception as problem:
        if sys.flags.dev_mode:
            raise
        what = f"{type(problem).__name__}: {one_line(problem)}"
        say(f"a bug of memtrace: {what}; python3 -X dev -m gdbext ... shows where")
        return 2


if __name__ == "__main__":
    sys.exit(main())
