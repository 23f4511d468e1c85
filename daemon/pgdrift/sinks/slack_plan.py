"""The plan of an incident, as the answer to its button: what it would do, and how to take it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from pgdrift.core.plan.kept import KeptPlan
from pgdrift.core.plan.shown import left_line, standing
from pgdrift.core.plan.summed import Summed, summed
from pgdrift.core.shown.render import one_line
from pgdrift.log import redact
from pgdrift.sinks.kit import Block, context, mrkdwn, section
from pgdrift.sinks.mrkdwn import code_block, code_span, escape

# Each part is a paragraph, of which Slack takes 3000 characters.
_MOST_CATEGORIES = 12
_MOST_HAZARDS = 8


def answer(kept: KeptPlan, remark: str, link: str | None) -> list[Block]:
    """Return what a plan would do by category, its hazards, and how to fetch it.

    `remark` says what is to be known of it, as that more was found since; empty for nothing.
    """
    plan, sums = kept.plan, summed(kept.plan.up)
    count = len(plan.up.statements)
    head = f"Plan {code_span(kept.id)}: make {code_span(plan.target.name, 100)} as "
    head += f"{code_span(plan.source.name, 100)}, {count} statement{'' if count == 1 else 's'}"
    said = one_line(standing(plan).partition("\n")[0])
    blocks = [section(f"{head}\n{escape(redact(said), 300)}")]
    if remark:
        blocks.append(context(mrkdwn(f"⚠️ {escape(redact(one_line(remark)), 300)}")))
    parts = (_categories(sums), _hazards(sums), _by_hand(kept))
    blocks += [section("\n".join(lines)) for part in parts if (lines := list(part))]
    return [*blocks, section(_how(kept, link))]


def _categories(sums: Summed) -> Iterator[str]:
    for action, count in sums.categories[:_MOST_CATEGORIES]:
        yield f"• {count} × {escape(one_line(action), 100)}"
    if (more := len(sums.categories) - _MOST_CATEGORIES) > 0:
        yield f"• and {more} more kinds of change"


def _hazards(sums: Summed) -> Iterator[str]:
    for number, what, why in sums.hazards[:_MOST_HAZARDS]:
        words = f"{code_span(redact(what), 120)}: {escape(redact(one_line(why)), 150)}"
        yield f"⚠️ statement {number}, {words}"
    if (more := len(sums.hazards) - _MOST_HAZARDS) > 0:
        yield f"⚠️ and {more} more hazards"


def _by_hand(kept: KeptPlan) -> Iterator[str]:
    for left in kept.plan.up.by_hand[:_MOST_HAZARDS]:
        yield f"✋ by hand: {escape(redact(one_line(left_line(left))), 200)}"
    if (more := len(kept.plan.up.by_hand) - _MOST_HAZARDS) > 0:
        yield f"✋ and {more} more by hand"


def _how(kept: KeptPlan, link: str | None) -> str:
    lines = [f"pgdrift plans export {kept.id}"]
    if not kept.plan.proved:
        lines.append(f"pgdrift prove plans/{kept.id}")
    lines.append(f"pgdrift rehearse plans/{kept.id} --on {shlex.quote(kept.environment)}")
    text = f"Made and not applied. To take it:\n{code_block(lines)}"
    if link:
        text += f"\n<{escape(plan_url(link, kept.id))}|all statements>"
    return text


def plan_url(link: str, id_: str) -> str:
    """Return the page of a plan; its name is of our own making."""
    return f"{link.rstrip('/')}/plans/{id_}"
