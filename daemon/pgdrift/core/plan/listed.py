"""A plan and what became of it where it was run, in; one row for people and programs out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pgdrift.core.plan import record, shown
from pgdrift.core.plan.kept import KeptPlan, plan_id
from pgdrift.core.plan.model import Plan, Way

Runs = Sequence[tuple[str, record.Run | None]]
"""Where a plan was run, each with how far it is there."""


def standing(
    plan: Plan, runs: Runs, *, folder: str = "", kept: KeptPlan | None = None
) -> dict[str, object]:
    """Return a plan, in a folder or kept, with each statement where it was run."""
    return {
        "id": plan_id(plan),
        "folder": folder or None,
        "kept": _kept(kept) if kept else None,
        "target": plan.target.name,
        "source": plan.source.name,
        "fingerprint": plan.binding,
        "standing": shown.standing(plan),
        "statements": len(plan.up.statements),
        "places": [_at(plan, name, run) for name, run in runs],
    }


def _kept(kept: KeptPlan) -> dict[str, object]:
    return {
        "at": kept.made_at.isoformat(),
        "by": kept.made_by,
        "incident": kept.incident or None,
    }


def _at(plan: Plan, name: str, run: record.Run | None) -> dict[str, object]:
    way: Way = plan.down if run and run.way == "down" else plan.up
    states = record.states(way, run)
    return {
        "place": name,
        "way": run.way if run else "",
        "at": run.at if run else "",
        "by": run.by if run else "",
        "reason": run.reason if run else "",
        "ended": bool(run and run.ended),
        "statements": [
            {"number": s.number, "what": shown.headline(s), "state": states[s.number].value}
            | ({"said": run.failed[1]} if run and run.failed and run.failed[0] == s.number else {})
            for s in way.statements
        ],
        "by_hand": [shown.left_line(left) for left in way.by_hand],
    }


def lines(row: Mapping[str, object]) -> Iterator[str]:
    """Give a row as lines of text."""
    yield f"{_called(row)}: make {row['target']} as {row['source']}; {row['standing']}"
    places = row["places"]
    assert isinstance(places, list)  # noqa: S101  made above
    if not places:
        count = row["statements"]
        yield f"  never run: {count} statement{'' if count == 1 else 's'} pending"
    for at in places:
        done = "done" if at["ended"] else "not all of it is done"
        yield f"  {at['way']} on {at['place']}, {at['at']}, {at['by']}: {done}"
        yield from (
            f"    {s['number']}. {s['what']}: {s['state']}"
            + (f": {s['said']}" if "said" in s else "")
            for s in at["statements"]
        )
        yield from (f"    by hand: {left}" for left in at["by_hand"])


def _called(row: Mapping[str, object]) -> str:
    kept = row["kept"]
    if not isinstance(kept, dict):
        return str(row["folder"])
    made = f"kept by {kept['by']}" + (f" for {kept['incident']}" if kept["incident"] else "")
    return f"plan {row['id']}, {made}"
