"""Measures in, a table for people or JSON for programs out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from bench.kinds import Share
from bench.timing import Ratio

Results = Mapping[int, Sequence[Ratio]]
Shares = Mapping[int, Sequence[Share]]


def as_json(results: Results, shares: Shares) -> str:
    """Return everything by number of tables."""
    body = {
        str(tables): {
            "ratios": [asdict(r) for r in ratios],
            "kinds": [asdict(s) for s in shares.get(tables, ())],
        }
        for tables, ratios in results.items()
    }
    return json.dumps(body, indent=1)


def as_text(results: Results, shares: Shares) -> str:
    """Return one table of all sizes side by side, and the kinds of each size, if asked for."""
    lines = [*_ratios(results)]
    for tables, of_kinds in shares.items():
        lines += ["", f"share of the queries at {tables} tables", *_kinds(of_kinds)]
    return "\n".join(lines)


def _ratios(results: Results) -> Iterator[str]:
    names = list(dict.fromkeys(r.name for ratios in results.values() for r in ratios))
    width = max(map(len, names))
    yield " " * width + "".join(f"{f'{tables:,} tables':>30}" for tables in results)
    for name in names:
        cells = (next((r for r in rs if r.name == name), None) for rs in results.values())
        yield f"{name:<{width}}" + "".join(f"{_cell(r):>30}" for r in cells)


def _cell(ratio: Ratio | None) -> str:
    if ratio is None:
        return "-"
    limit = "" if ratio.limit is None else f" {'>' if ratio.missed else '≤'} {ratio.limit:g}"
    if ratio.unit:
        return f"{_figure(ratio.median)} {ratio.unit}{limit}"
    return f"{_figure(ratio.median)} ({_figure(ratio.low)}-{_figure(ratio.high)}){limit}"


def _figure(value: float) -> str:
    return f"{value:.2f}" if value >= 0.095 else f"{value:.2g}"


def _kinds(shares: Sequence[Share]) -> Iterator[str]:
    yield f"{'kind':<20}{'rows':>10}{'first':>9}{'again':>9}"
    for s in sorted(shares, key=lambda s: s.cold, reverse=True):
        yield f"{s.kind:<20}{s.rows:>10,}{s.cold:>9.1%}{s.warm:>9.1%}"
