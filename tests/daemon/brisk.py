"""The real command line, with an outbox that tries again after a tenth of a second, not fifteen."""

import sys

from pgdrift import cli
from pgdrift.sinks import outbox

outbox._BASE = 0.1

if __name__ == "__main__":
    cli.main(sys.argv[1:])
