"""The page that explains the metrics: the table in, docs/metrics.md out."""

from collections.abc import Iterable, Iterator

from pgdrift.metrics.table import GROUPS, LABELS, PROCESS, Row

_HEAD = """\
# Metrics

Written by `make docs` from the table in `daemon/pgdrift/metrics/table.py`.

Served at `/metrics`. Names and labels are a contract; what is added is no break of it. Gauges are
derived from the latest look at each scrape: what was mended is gone at the next scrape. What is
unknown has no `pgdrift_in_sync`, and is never clean: `pgdrift_outcome` says so. Alert rules and
dashboards on them are in [grafana.md](grafana.md).
"""

_COLUMNS = "| metric | type | labels | meaning |\n|---|---|---|---|\n"

_LABELS = """
## Labels

No label ever holds the name of an object of a schema.

| label | holds |
|---|---|
"""

_DEFINED = """
## From a commit to a delivery

`pgdrift_commit_to_delivery_seconds` is observed once for each message that tells of something new
and arrived, from the change that waited longest of those that it tells of for the first time.
`since` says when that change was made, as well as that is known:

- `recorded`: the time that the ledger wrote down, or else the server's commit time
  (`track_commit_timestamp`). The server's clock is not ours: the time is moved to lie between the
  look that did not see the change and the look that did.
- `heard`: else when the first [notification](notifications.md) was heard since the look before.
- `seen`: else when the look began that saw it.

What people asked to wait is left out: a finding that is told later than at the look that first saw
it (grace, `promotion_lag`, planned windows, a silence or an acceptance that ended), and messages
that waited for the end of quiet hours or of `group_wait`. What waited for a channel that could not
be reached counts; of several messages that became one, the news of the last.
"""

_PROCESS = "\n## The process\n\nOn Linux, by the client library.\n\n"


def markdown() -> str:
    """Return docs/metrics.md."""
    groups = "".join(f"\n## {title}\n\n{_table(rows)}" for title, rows in GROUPS.items())
    labels = "".join(f"| `{name}` | {holds} |\n" for name, holds in LABELS.items())
    return _HEAD + groups + _PROCESS + _table(PROCESS) + _LABELS + labels + _DEFINED


def _table(rows: Iterable[Row]) -> str:
    return _COLUMNS + "".join(_lines(rows))


def _lines(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        labels = ", ".join(f"`{name}`" for name in row.labels)
        yield f"| `{row.name}` | {row.type} | {labels} | {row.help} |\n"
