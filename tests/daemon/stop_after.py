"""The real command line, which gives what runs another time to end: `stop_after.py SECONDS …`."""

import sys

from pgdrift import app, cli

if __name__ == "__main__":
    _, seconds, *arguments = sys.argv
    app.STOP_SECONDS = float(seconds)
    cli.main(arguments)
