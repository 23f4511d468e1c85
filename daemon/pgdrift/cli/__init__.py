"""The command line: one file per group of commands; here they come together.

An error that is somebody's fault ends in its message and an exit code, never in a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from pgdrift import __version__
from pgdrift.cli import exits
from pgdrift.cli.alerts import alerts, drill
from pgdrift.cli.compare import check, diff, snapshot
from pgdrift.cli.config import config
from pgdrift.cli.daemon import demo, serve, status, variants
from pgdrift.cli.ignore import ignore
from pgdrift.cli.ledger import ledger
from pgdrift.cli.marks import accept, ack, incidents, silence, unsilence
from pgdrift.cli.past import blame, log
from pgdrift.cli.plan import plan, prove
from pgdrift.cli.plans import plans
from pgdrift.cli.reconcile import apply, rehearse, rollback
from pgdrift.cli.show import show
from pgdrift.cli.store import store
from pgdrift.cli.sync import sync
from pgdrift.errors import ConfigError, PgdriftError
from pgdrift.log import configure, redact

app = typer.Typer(
    name="pgdrift",
    help="Does production's schema still match what we think it is?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _command in (
    serve,
    check,
    diff,
    snapshot,
    plan,
    prove,
    rehearse,
    apply,
    rollback,
    show,
    status,
    variants,
    log,
    blame,
    ignore,
    drill,
    demo,
):
    app.command()(_command)
for _answer in (incidents, ack, silence, accept, unsilence):
    app.command()(_answer)
app.add_typer(plans, name="plans")
app.add_typer(sync, name="sync")
app.add_typer(ledger, name="ledger")
app.add_typer(alerts, name="alerts")
app.add_typer(store, name="store")
app.add_typer(config, name="config")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"pgdrift {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print and exit.")
    ] = False,
) -> None:
    pass


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 in sync, 1 drift, 2 unknown, 3 wrong usage."""
    # Standard output is for answers alone; `serve` sets the level of its log itself.
    configure("warning")
    try:
        code = app(args=argv, prog_name="pgdrift", standalone_mode=False)
    except ConfigError as error:
        code = _fail(error, exits.USAGE)
    except PgdriftError as error:
        code = _fail(error, exits.UNKNOWN)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        # Whoever read our output has had enough; say nothing more to a closed pipe.
        sys.stdout = None
        code = exits.UNKNOWN
    except Exception as error:
        # typer's own errors of usage are not public by name, but they can print themselves.
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        code = exits.USAGE
    raise SystemExit(code or 0)


def _fail(error: PgdriftError, code: int) -> int:
    typer.echo(f"error: {redact(str(error))}", err=True)
    return code
