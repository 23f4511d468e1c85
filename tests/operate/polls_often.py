"""The real command line, which looks at its files every twentieth of a second, and tries a message
again after a tenth.
"""

import sys

from pgdrift import cli
from pgdrift.parts import reload
from pgdrift.sinks import outbox

reload.POLL_SECONDS = 0.05
outbox._BASE = 0.1

if __name__ == "__main__":
    cli.main(sys.argv[1:])
