"""A plan in; out, SQL that fills the table `reconciliation_plan`, as the ritual by hand did.

One row for each statement of a way, in the order in which they are to be run, then what is left by
hand. Names are hostile, and nothing here is text of a statement but literals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgdrift.core.plan.model import Plan, Way
from pgdrift.core.plan.record import State
from pgdrift.core.plan.shown import costs, standing
from pgdrift.core.plan.sql import literal
from pgdrift.core.printable import one_line

# The columns are the ritual's. Its check on `environment` knew two names; here any can stand.
_TABLE = """CREATE TABLE IF NOT EXISTS reconciliation_plan (
    id serial PRIMARY KEY,
    environment text NOT NULL,
    object_type text NOT NULL,
    object_name text NOT NULL,
    action_needed text NOT NULL,
    sql_command text,
    priority integer DEFAULT 1000,
    status text DEFAULT 'pending',
    notes text
);"""
_INSERT = (
    "INSERT INTO reconciliation_plan (environment, object_type, object_name, action_needed,"
    " sql_command, priority, status, notes) VALUES"
)
# Between two statements there is room for what somebody puts between them.
_APART = 10


def table(plan: Plan, way: Way, states: Mapping[int, State]) -> str:
    """Return SQL that makes the table where it is missing, and adds the rows of a way.

    `states` is what became of each statement; what is not in it is pending. The table is made in
    the first schema of the search_path.
    """
    rows = [*_rows(plan, way, states)]
    head = f"-- {one_line(f'{plan.target.name} as {plan.source.name}; {standing(plan)}')}"
    lines = [head, "BEGIN;", _TABLE]
    if rows:
        lines += [_INSERT, ",\n".join(rows) + ";"]
    return "\n".join([*lines, "COMMIT;"]) + "\n"


def _rows(plan: Plan, way: Way, states: Mapping[int, State]) -> Iterator[str]:
    for s in way.statements:
        state = states.get(s.number, State.PENDING).value
        said = "; ".join(costs(s))
        what = (s.object.kind, s.object.name, s.action)
        yield _row(plan, what, f"{s.step.sql};", (s.number * _APART, state, said))
    last = (len(way.statements) + 1) * _APART
    for left in way.by_hand:
        of = f" ({', '.join(left.attributes)})" if left.attributes else ""
        what = (left.object.kind, left.object.name + of, "by hand")
        yield _row(plan, what, None, (last, State.PENDING.value, left.why))


def _row(
    plan: Plan, what: tuple[str, str, str], sql: str | None, more: tuple[int, str, str]
) -> str:
    (kind, name, action), (priority, state, notes) = what, more
    values = [
        literal(plan.target.name),
        literal(kind.replace("_", " ").upper()),
        literal(name),
        literal(action),
        "NULL" if sql is None else literal(sql),
        str(priority),
        literal(state),
        literal(notes) if notes else "NULL",
    ]
    return f"({', '.join(values)})"
