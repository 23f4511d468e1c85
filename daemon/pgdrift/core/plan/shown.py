"""A plan in; out, how people and programs read it: a script, a review, JSON. Names are hostile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from pgdrift.core.alike.normalise import Options
from pgdrift.core.model import ObjectId, Value
from pgdrift.core.plan.model import FATES, Impact, LeftOut, Plan, Proof, Rows, Statement, Way
from pgdrift.core.plan.step import Lock, Step
from pgdrift.core.plan.weight import Weight, Weights, grade, gravity, words
from pgdrift.core.printable import one_line, printable
from pgdrift.core.shown.render import code

# Without the first, psql would go on after an error, and undo silently.
_HEAD = (
    "\\set ON_ERROR_STOP on",
    "SELECT pg_catalog.set_config('search_path', '', false);",
    "SET check_function_bodies = off;",
)
_SUMMARY = 12
_UNKNOWN: Weights = {}


def script(plan: Plan, way: Way, title: str) -> str:
    """Return all statements of a way as SQL that psql runs as it stands."""
    lines = [f"-- pgdrift plan, the way {title}: {one_line(standing(plan))}"]
    for word, end in (("target", plan.target), ("source", plan.source)):
        lines.append(one_line(f"-- {word}: {end.name}, {end.root}"))
    lines += [f"-- by hand: {one_line(left_line(left))}" for left in way.by_hand]
    lines += [f"-- not chosen: {one_line(left_line(left))}" for left in plan.aside]
    if way.statements:
        lines += ["", *_HEAD]
    for _, together in groupby(way.statements, key=lambda s: s.transaction):
        lines += _transaction(list(together))
    return "\n".join(lines) + "\n"


def _transaction(statements: Sequence[Statement]) -> Iterator[str]:
    alone = any(s.step.alone for s in statements)
    yield ""
    if not alone:
        yield "BEGIN;"
    for s in statements:
        yield f"-- {s.number}: {one_line(headline(s))}"
        yield f"{s.step.sql};"
    if not alone:
        yield "COMMIT;"


def standing(plan: Plan) -> str:
    """Return on one line whether a plan is proved."""
    if plan.proved and plan.proof:
        count, major = len(plan.proof.unseen), plan.proof.server_version // 10000
        unseen = f", but for {count} objects that it could not hold" if count else ""
        rows = f", with {plan.proof.rows.rows} rows" if plan.proof.rows else ""
        other = ", and the target is of another" if other_major(plan) else ""
        return f"proved up and down{rows} on a scratch PostgreSQL {major}{other}{unseen}"
    if plan.proof is None:
        return "not proved"
    why = plan.proof.up or plan.proof.down
    if plan.proof.holds:
        why = "its proof is of another plan"
    return f"not proved: {why}"


def other_major(plan: Plan) -> str:
    """Say that a plan was proved on another major than the target's; empty where it was not."""
    tried = plan.proof.server_version // 10000 if plan.proof else 0
    major = plan.target.server_version // 10000
    if not tried or tried == major:
        return ""
    return (
        f"the plan was tried on PostgreSQL {tried}, and the target is {major}: name the programs of"
        f" {major} in scratch.binaries, or such a server in scratch.dsn, and prove it again"
    )


def unproved_lines(proof: Proof) -> Iterator[str]:
    """Give what a proof does not speak of: objects, and rows that were not there."""
    yield from map(left_line, proof.unseen)
    if proof.rows:
        yield from (f"rows of {left_line(left)}" for left in proof.rows.unfilled)
        yield from proof.rows.stopped


def headline(statement: Statement) -> str:
    """Return what a statement does, and to what."""
    return f"{statement.action} {statement.object.name}"


def left_line(left: LeftOut) -> str:
    """Return what is left by hand, and why."""
    names = f" ({', '.join(left.attributes)})" if left.attributes else ""
    return f"{left.object.kind.replace('_', ' ')} {left.object.name}{names}: {left.why}"


def costs(statement: Statement, weights: Weights = _UNKNOWN) -> Iterator[str]:
    """Give in words what a statement costs and risks, with how large and busy its tables are."""
    step = statement.step
    if graded := grade(step, weights):
        yield graded
    if step.loses:
        yield f"loses {step.loses}"
    if step.fails:
        yield f"fails where {step.fails}"
    yield from _locks(step)
    if step.rewrites:
        yield "rewrites the table"
    if step.scans:
        yield "reads the whole table"
    if step.alone:
        yield "cannot run in a transaction"
    if step.note:
        yield step.note
    # What it does to all of a table depends on how much that is.
    yield from (f"{name}: {words(weights[name])}" for name in step.on if name in weights)


def _locks(step: Step) -> Iterator[str]:
    """Give each lock with what it is on, the strongest first."""
    by_lock: dict[Lock, list[str]] = {}
    for name, lock in step.locks.items():
        by_lock.setdefault(lock, []).append(name)
    for lock in sorted(by_lock, key=lambda held: -held.rank):
        names = by_lock[lock]
        more = f" and {len(names) - _SUMMARY} more" if len(names) > _SUMMARY else ""
        yield f"{lock} on {', '.join(names[:_SUMMARY])}{more}"


def text(plan: Plan, way: Way) -> str:
    """Return a way for a terminal: each statement with its costs, then what is left by hand."""
    lines: list[str] = []
    for s in way.statements:
        lines.append(one_line(f"{s.number}. {headline(s)}"))
        lines += [f"   {one_line(cost)}" for cost in costs(s, plan.weights)]
        lines += [f"     {printable(line)}" for line in s.step.sql.splitlines()]
    lines += [f"by hand: {one_line(left_line(left))}" for left in way.by_hand]
    lines += [f"not chosen: {one_line(left_line(left))}" for left in plan.aside]
    lines += [f"remark: {one_line(r)}" for r in way.remarks]
    return "\n".join([*lines, *([""] if lines else []), _total(plan, way)])


def _total(plan: Plan, way: Way) -> str:
    target, source = one_line(plan.target.name), one_line(plan.source.name)
    if not way.statements and not way.by_hand:
        return f"nothing to do: {target} is as {source}"
    count = f"{len(way.statements)} statement{'' if len(way.statements) == 1 else 's'}"
    hand = f", {len(way.by_hand)} by hand" if way.by_hand else ""
    return f"{count}{hand} to make {target} as {source}; {printable(standing(plan))}"


def review(plan: Plan) -> str:
    """Return a plan for whoever has to agree to it, as Markdown."""
    parts = [
        f"# Plan: make {code(plan.target.name)} as {code(plan.source.name)}",
        f"Fingerprints: target {code(plan.target.root)}, source {code(plan.source.root)}.",
        *_standing(plan),
        *_categories(plan.up),
        *_hazards(plan.up, "Hazards", plan.weights),
        *_hazards(plan.down, "Hazards of the way back", plan.weights),
        *_by_hand(plan),
        *_aside(plan),
        *_impact(plan.up),
        *_all_statements(plan.up, "Up", plan.weights),
        *_all_statements(plan.down, "Down", plan.weights),
    ]
    return "\n\n".join(parts) + "\n"


def _standing(plan: Plan) -> Iterator[str]:
    first, _, rest = printable(standing(plan)).partition("\n")
    yield f"**{_escaped(first)}**"
    if rest:
        yield _fenced(rest)


def _fenced(said: str, language: str = "") -> str:
    """Return text as a Markdown block, whatever fences it holds."""
    fence = "`" * max(3, _longest_run(said) + 1)
    return f"{fence}{language}\n{said}\n{fence}"


def _escaped(said: str) -> str:
    return code(said) if set(said) & set("`*_<>[]|\n") else said


def _categories(way: Way) -> Iterator[str]:
    yield "## Summary"
    counts = Counter(s.action for s in way.statements)
    rows = [f"| {one_line(action)} | {count} |" for action, count in counts.most_common()]
    yield "\n".join(["| action | statements |", "|---|---:|", *rows]) if rows else "Nothing to do."


def may_stop(way: Way) -> Iterator[str]:
    """Give the statements of a way that rows may stand against, and when."""
    for s in way.statements:
        if s.step.fails:
            yield f"{s.number}, {headline(s)}, fails where {s.step.fails}"


def _hazards(way: Way, title: str, weights: Weights) -> Iterator[str]:
    """Give what may fail, lose or keep others waiting, what goes through most bytes first."""
    risky = [
        s for s in way.statements if s.step.loses or s.step.fails or s.step.rewrites or s.step.scans
    ]
    if risky:
        risky.sort(key=lambda s: (-gravity(s.step, weights), s.number))
        yield f"## {title}"
        yield "\n".join(
            f"- {s.number}, {code(headline(s))}: {_escaped('; '.join(costs(s, weights)))}"
            for s in risky
        )


def _by_hand(plan: Plan) -> Iterator[str]:
    for title, way in (("Left by hand", plan.up), ("Left by hand on the way back", plan.down)):
        if way.by_hand:
            yield f"## {title}"
            yield "\n".join(f"- {code(left_line(left))}" for left in way.by_hand)
    if plan.proof and (unproved := list(unproved_lines(plan.proof))):
        yield "## Not part of the proof"
        yield "\n".join(f"- {code(line)}" for line in unproved)
    if plan.up.remarks:
        yield "## Remarks"
        yield "\n".join(f"- {code(r)}" for r in plan.up.remarks)


def _aside(plan: Plan) -> Iterator[str]:
    if plan.aside:
        yield "## Not chosen"
        yield "\n".join(f"- {code(left_line(left))}" for left in plan.aside)


def _impact(way: Way) -> Iterator[str]:
    if way.impacts:
        yield "## What hangs on it"
        yield "\n".join(line for impact in way.impacts for line in _impact_lines(impact))


def _impact_lines(impact: Impact) -> Iterator[str]:
    yield f"- {code(f'{impact.object.kind} {impact.object.name}')}"
    for words_, those in impact.said:
        more = f", and {len(those) - _SUMMARY} more" if len(those) > _SUMMARY else ""
        named = ", ".join(code(f"{d.kind} {d.name}") for d in those[:_SUMMARY])
        yield f"  - {words_}: {named}{more}"


def _all_statements(way: Way, title: str, weights: Weights) -> Iterator[str]:
    yield f"## {title}"
    if not way.statements:
        yield "Nothing."
    for s in way.statements:
        said = "; ".join(costs(s, weights))
        yield f"{s.number}. {code(headline(s))}" + (f": {_escaped(said)}" if said else "")
        yield _fenced(f"{s.step.sql};", "sql")


def _longest_run(said: str) -> int:
    runs = (len(list(some)) for letter, some in groupby(said) if letter == "`")
    return max(runs, default=0)


def statement_json(statement: Statement) -> dict[str, Value]:
    """Return one statement as the guide's row of a plan, and more."""
    step = statement.step
    row: dict[str, Value] = {
        "number": statement.number,
        "object_type": statement.object.kind,
        "object_path": list(statement.object.path),
        "object_arguments": statement.object.args,
        "verb": statement.verb.value,
        "action": statement.action,
        "sql": step.sql,
        "transaction": statement.transaction,
        "lock": step.lock.value,
        "locks": list(step.on),
        "also_locks": [{"on": held.table, "lock": held.lock.value} for held in step.also],
        "rewrites": step.rewrites,
        "scans": step.scans,
        "loses": step.loses,
        "fails_where": step.fails,
        "in_transaction": not step.alone,
        "commit_before_next": step.commits,
        "notes": step.note,
    }
    optional = {
        "object_arguments",
        "lock",
        "locks",
        "also_locks",
        "rewrites",
        "scans",
        "loses",
        "fails_where",
        "commit_before_next",
        "notes",
    }
    return {n: v for n, v in row.items() if v or n not in optional}


def left_json(left: LeftOut) -> dict[str, Value]:
    """Return what is left by hand for programs."""
    row = _id_json(left.object)
    if left.attributes:
        row["attributes"] = list(left.attributes)
    return {**row, "why": left.why}


def plan_json(plan: Plan) -> dict[str, Value]:
    """Return a whole plan for programs, in the order in which a person would read it."""
    return {
        "pgdrift_plan": plan.format,
        **{
            end: {"name": e.name, "fingerprint": e.root, "server_version": e.server_version}
            for end, e in (("target", plan.target), ("source", plan.source))
        },
        "online": plan.online,
        "compare": _options_json(plan.options),
        **({"not_chosen": [left_json(left) for left in plan.aside]} if plan.aside else {}),
        "proof": _proof_json(plan),
        "tables": [{"name": n, **_weight_json(w)} for n, w in sorted(plan.weights.items())],
        **{title: _way_json(way) for title, way in (("up", plan.up), ("down", plan.down))},
    }


def _options_json(options: Options) -> Value:
    said = asdict(options)
    return {
        **said,
        "presets": {**said["presets"], "partition_names": list(options.presets.partition_names)},
    }


def _weight_json(weight: Weight) -> dict[str, Value]:
    of = {"bytes": weight.size, "rows": weight.rows, "reads": weight.reads, "writes": weight.writes}
    known: dict[str, Value] = {n: v for n, v in of.items() if v is not None}
    return {**known, "since": weight.since} if weight.since else known


def _proof_json(plan: Plan) -> Value:
    if plan.proof is None:
        return None
    return {
        "holds": plan.proof.holds,
        "up": plan.proof.up,
        "down": plan.proof.down,
        "server_version": plan.proof.server_version,
        "binding": plan.proof.binding,
        "unseen": [left_json(left) for left in plan.proof.unseen],
        "rows": _rows_json(plan.proof.rows),
    }


def _rows_json(rows: Rows | None) -> Value:
    if rows is None:
        return None
    return {
        "tables": rows.tables,
        "rows": rows.rows,
        "unfilled": [left_json(left) for left in rows.unfilled],
        "stopped": list(rows.stopped),
    }


def _way_json(way: Way) -> dict[str, Value]:
    return {
        "statements": [statement_json(s) for s in way.statements],
        "by_hand": [left_json(left) for left in way.by_hand],
        "remarks": list(way.remarks),
        "hanging": [
            {**_id_json(i), "dependants": [_id_json(d) for d in those]}
            for i, those in sorted(way.hanging.items())
        ],
        "impact": [_impact_json(impact) for impact in way.impacts],
    }


def _impact_json(impact: Impact) -> dict[str, Value]:
    fates = {n: getattr(impact, n) for n in FATES}
    said = {n: [_id_json(d) for d in those] for n, those in fates.items() if those}
    return {**_id_json(impact.object), **said}


def _id_json(i: ObjectId) -> dict[str, Value]:
    row: dict[str, Value] = {"object_type": i.kind, "object_path": list(i.path)}
    return {**row, "object_arguments": i.args} if i.args else row
