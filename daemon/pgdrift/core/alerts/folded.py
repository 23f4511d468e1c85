"""What waited together, told at once: notices of one thread in, the one that says it all out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pgdrift.core.alerts.incident import Notice, Reason

# By these a thread goes on; all others open it, or end it.
_GOING_ON = (Reason.WORSE, Reason.CHANGED, Reason.REPEAT)


def folded(notices: Sequence[Notice]) -> Notice:
    """Return the notices of one thread, oldest first and at least one, as the last one of them.

    It tells what the first began with: what never was told as open is told as opened, however it
    changed meanwhile, and what ended as ended.
    """
    first, last = notices[0], notices[-1]
    if len(notices) == 1:
        return last
    found = {f.key for f in last.incident.findings}
    new = dict.fromkeys(key for n in notices for key in n.new if key in found)
    gone = {f.key: f for n in notices for f in n.gone if f.key not in found}
    return replace(
        last,
        reason=_reason([n.reason for n in notices]),
        new=tuple(new),
        # What came and went between two messages was never told as there.
        gone=tuple(gone.values()) if last.reason is Reason.RESOLVED or _goes_on(first) else (),
    )


def _goes_on(notice: Notice) -> bool:
    return notice.reason in _GOING_ON


def _reason(reasons: Sequence[Reason]) -> Reason:
    first, last = reasons[0], reasons[-1]
    if last is Reason.RESOLVED or first is Reason.RESOLVED:
        return last
    if first not in _GOING_ON:
        return first
    return min(reasons, key=lambda r: _GOING_ON.index(r) if r in _GOING_ON else len(_GOING_ON))
