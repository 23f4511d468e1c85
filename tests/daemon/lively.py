"""The real command line, which tells an Alertmanager again every tenth of a second."""

import sys

from pgdrift import cli
from pgdrift.sinks import alertmanager, outbox

alertmanager.REFRESH = 0.1
outbox._BASE = 0.1

if __name__ == "__main__":
    cli.main(sys.argv[1:])
