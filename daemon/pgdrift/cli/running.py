"""An order to run a plan in; out, the plan run: what is checked, kept and told before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pgdrift.cli import sides, work
from pgdrift.cli.audit import Audit, audited
from pgdrift.cli.place import Place, watcher
from pgdrift.core.model import Snapshot, SyncPoint
from pgdrift.core.plan import shown
from pgdrift.core.plan.model import Plan, Statement, Way
from pgdrift.core.plan.record import Run, since_up
from pgdrift.core.plan.roles import roles
from pgdrift.core.syncpoint import TakenBack
from pgdrift.core.why.enacted import Result
from pgdrift.errors import PgdriftError, ReconcileError

if TYPE_CHECKING:
    from pgdrift.reconcile.apply import Course
    from pgdrift.reconcile.backup import Kept, Programs
    from pgdrift.reconcile.journal import Journal
    from pgdrift.reconcile.stamp import Stamp
    from pgdrift.reconcile.writing import Target
    from pgdrift.settings import Settings

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for on the command line, by whom and why."""

    place: Place
    folder: Path
    config: Path | None
    limits: work.Limits
    reason: str
    actor: str
    approved_by: tuple[str, ...]
    unproved: str | None
    resume: bool
    backs_up: bool
    syncs: bool
    tries: int
    title: str = "up"


async def carry(order: Order, say: Say) -> None:
    """Run the way there. Raises ReconcileError where it is not done."""
    await _run(order, say)


async def roll_back(order: Order, say: Say) -> None:
    """Run the way back. Raises ReconcileError where it is not done."""
    await _run(replace(order, title="down"), say)


async def _run(order: Order, say: Say) -> None:
    from pgdrift.reconcile import planfile
    from pgdrift.reconcile.apply import carry_out
    from pgdrift.reconcile.writing import hold, told

    plan, of = planfile.read(order.folder)
    work.refuse_unproved(plan, order.unproved)
    if warning := shown.other_major(plan):
        say(f"warning: {warning}")
    equal = await work.likeness_once(order.config, plan, of)
    journal = work.journal_of(order.folder, order.place)
    way = plan.up if order.title == "up" else plan.down
    judge = work.judge_of(plan, of, order.title, equal)
    async with (
        audited(order, plan, of, say) as audit,
        work.working(order.place, order.limits, order.title, audit.key) as target,
    ):
        await watcher(order.place, target.session)
        try:
            with told(target.where):
                await hold(target)
                start = await _start(order, plan, of, journal, target, say)
                start = await _pass_over(order, way, journal, target, start, judge, say)
            await audit.began(start, journal)
            course = _course(order, plan, judge, journal, say, audit)
            judged = await carry_out(target, journal, course, start)
        except PgdriftError as error:
            await audit.ended(Result.STOPPED, journal, str(error.args[0]))
            raise
        await audit.ended(Result.DONE, journal)
        where = target.where
    count = len(way.statements)
    say(f"done: {count} statement{'s' * (count != 1)} on {where}, and it is as the plan says")
    for left in way.by_hand:
        say(f"left by hand: {shown.left_line(left)}")
    await _sync(order, plan, judged, journal, say)


async def _pass_over(
    order: Order,
    way: Way,
    journal: Journal,
    target: Target,
    left: Snapshot,
    judge: work.Judge,
    say: Say,
) -> Snapshot:
    """Return what there must be now: what somebody did by hand, as the plan wants it, is skipped.

    Anything else that has moved stays what it is, to be refused before anything is run.
    """
    from pgdrift.reconcile.skipping import as_wanted
    from pgdrift.sources.connection import reading

    run = journal.run()
    if not order.resume or run is None:
        return left
    async with reading(target.session):
        found = await target.read()
    skipped = as_wanted(left, found, judge(found, ()), way, run.done)
    if not skipped:
        return left
    journal.keep(order.title, max(run.done, default=0), found)
    journal.write("skipped", statements=skipped)
    for s in way.statements:
        if s.number in skipped:
            say(f"{s.number}. {shown.headline(s)}: skipped, it is as wanted already")
    return found


async def _start(
    order: Order, plan: Plan, of: work.Sides, journal: Journal, target: Target, say: Say
) -> Snapshot:
    """Return what there must be now, once it is known that the way may be begun, or gone on."""
    from pgdrift.reconcile.apply import settle

    way = plan.up if order.title == "up" else plan.down
    run = journal.run()
    if order.resume:
        _refuse_resume(order, plan, run, target.where)
        journal.write("resumed", by=order.actor, reason=order.reason)
        left = await settle(target, journal, way, order.title)
        # Rows were written since it stopped.
        await _back_up(order, of, target, _ahead(way, journal), say)
        return left
    wanted = _wanted(order, plan, of, journal, target.where)
    found = await _unmoved(target, wanted)
    if order.title == "up":
        for line in shown.may_stop(plan.down):
            say(f"the way back may stop at {line}")
    await _back_up(order, of, target, way.statements, say)
    await _begin(order, plan, journal, target, found)
    return found


def _ahead(way: Way, journal: Journal) -> list[Statement]:
    run = journal.run()
    done = run.done if run else frozenset()
    return [s for s in way.statements if s.transaction not in done]


def _refuse_resume(order: Order, plan: Plan, run: Run | None, where: str) -> None:
    what = "apply" if order.title == "up" else "rollback"
    if run is None or run.ended or run.way != order.title:
        raise ReconcileError(
            f"{where}: there is nothing to resume: no {what} of this plan was stopped there",
            reason="absent",
            hint=f"leave out --resume; `pgdrift plans {order.folder}` shows what became of it",
        )
    if run.binding != plan.binding:
        raise _another(where)


def _another(where: str) -> ReconcileError:
    return ReconcileError(
        f"{where}: the plan is not the one any more that was begun there",
        reason="moved",
        hint="take its folder as it was then; else plan anew from what there is now",
    )


def _wanted(order: Order, plan: Plan, of: work.Sides, journal: Journal, where: str) -> Snapshot:
    """Return what the schema must be for a way to begin. Raises ReconcileError."""
    run = journal.run()
    if run and not run.ended and not run.untouched:
        what = "apply" if run.way == "up" else "rollback"
        raise ReconcileError(
            f"{where}: this plan was begun there and is not done",
            reason="occupied",
            hint=f"`pgdrift {what} … --resume` finds out how far it is, and goes on",
        )
    there = run is not None and run.ended and run.way == "up"
    if order.title == "down" and run is not None and run.binding != plan.binding:
        raise _another(where)
    if order.title == "up":
        if there:
            raise ReconcileError(
                f"{where}: this plan was applied there already",
                reason="occupied",
                hint="`pgdrift rollback` takes it back; for what has changed since, plan anew",
            )
        return of[0]
    # A way back that was begun and of which nothing is there leaves what the way up led to.
    kept = journal.kept("up", _last_kept(journal))
    if kept is None or not (there or (run and run.way == "down" and not run.ended)):
        raise ReconcileError(
            f"{where}: it is not on record that this plan was applied there",
            reason="absent",
            hint="the record stands in the plan's folder; if it was run by hand, so is down.sql",
        )
    return kept


def _last_kept(journal: Journal) -> int:
    numbers = [int(p.name.split(".")[-2]) for p in journal.folder.glob(f"{journal.name}.up.*.json")]
    return max(numbers, default=0)


async def _unmoved(target: Target, wanted: Snapshot) -> Snapshot:
    from pgdrift.reconcile.apply import refuse_moved
    from pgdrift.sources.connection import reading

    async with reading(target.session):
        found = await target.read()
    refuse_moved(target.where, wanted, found, "nothing was changed")
    return found


async def _back_up(
    order: Order, of: work.Sides, target: Target, ahead: Sequence[Statement], say: Say
) -> None:
    """Keep the rows that would be lost, and try whether they come back. Raises ReconcileError."""
    from pgdrift.reconcile import backup
    from pgdrift.sources.connection import reading
    from pgdrift.sources.dsn import to_url

    risk = await backup.at_risk(target.session, ahead)
    if order.backs_up:
        backup.unkept(risk, target.where)
    for statement in risk.beyond:
        say(f"not in a backup: {shown.headline(statement)} loses {statement.step.loses}")
    if not risk.kept or not order.backs_up:
        return
    async with reading(target.session):
        now = await target.read()
    programs = await backup.programs(target.session.get_server_version().major, _own_programs())
    at = datetime.now(UTC)
    file = order.folder / "applied" / f"backup-{order.title}-{at:%Y%m%dT%H%M%SZ}.dump"
    held = await backup.back_up(target, to_url(order.place.dsn), risk.kept, file, programs)
    await _try_restore(order, of, now, (file, held), programs)
    for kept, much in held.items():
        say(f"backed up: {kept.holds(much)}, restored once from {file}")


def _own_programs() -> Path | None:
    from pgdrift.errors import ConfigError
    from pgdrift.sources.embedded import find_binaries

    try:
        return find_binaries()
    except ConfigError:
        return None


async def _try_restore(
    order: Order,
    of: work.Sides,
    now: Snapshot,
    archive: tuple[Path, Mapping[Kept, int]],
    programs: Programs,
) -> None:
    from pgdrift.reconcile import backup
    from pgdrift.reconcile.prove import Ground
    from pgdrift.sources.ground import ground

    reader = sides.Sides(order.config)
    file, held = archive
    try:
        async with ground(reader.scratch_like(now.server_version), roles(*of)) as empty:
            place = (Ground(empty.session, empty.read), empty.dsn)
            await backup.restored(file, held, now, place, programs)
    except BaseException:
        backup.forget(file)
        raise
    finally:
        await reader.close()


async def _begin(
    order: Order, plan: Plan, journal: Journal, target: Target, found: Snapshot
) -> None:
    from pgdrift.reconcile.stamp import mark

    journal.keep(order.title, 0, found)
    journal.write(
        "began",
        way=order.title,
        plan=plan.binding,
        target=target.where,
        by=order.actor,
        approved_by=list(order.approved_by),
        reason=order.reason,
        proved=plan.proved,
        ledger_mark=await mark(target.session),
    )


def _course(
    order: Order, plan: Plan, judge: work.Judge, journal: Journal, say: Say, audit: Audit
) -> Course:
    from pgdrift.reconcile.apply import Care, Course

    way = plan.up if order.title == "up" else plan.down
    stamp = _stamp(order, plan, journal)
    care = Care(lock_timeout=order.limits.lock, tries=order.tries)

    async def left(found: Snapshot) -> None:
        await audit.left(found, journal)

    return Course(way, order.title, lambda found: judge(found, ()), say, stamp, care, left)


def _stamp(order: Order, plan: Plan, journal: Journal) -> Stamp:
    from pgdrift.reconcile.stamp import Stamp

    run = journal.run()
    began = run.at if run else datetime.now(UTC).isoformat()
    at = datetime.fromisoformat(began)
    there, back = shown.script(plan, plan.up, "up"), shown.script(plan, plan.down, "down")
    is_back = order.title == "down"
    if is_back:
        there, back = back, there
    version = f"reconcile_{at:%Y%m%d%H%M%S}_{plan.binding[:8]}{'_back' * is_back}"
    return Stamp(version, order.reason, there, back, began, run.mark if run else None)


async def _sync(order: Order, plan: Plan, judged: Snapshot, journal: Journal, say: Say) -> None:
    """Declare right what the plan led to, where the environment is configured and a store is there.

    Nothing else is: what a plan leaves as it is, or takes back, may be drift. A way back takes back
    what the way there declared.
    """
    from pgdrift.store import exists

    settings, name = order.place.settings, order.place.name
    if not order.syncs or settings is None or name is None or not exists(settings.store.read_url()):
        return
    point = SyncPoint(name, datetime.now(UTC), order.reason, order.actor)
    try:
        if order.title == "up":
            say(await _declare(settings, point, plan, judged, journal))
        else:
            say(await _take_back(settings, point, journal))
    except PgdriftError as error:
        say(f"warning: no sync point of {name}: {error}")


async def _declare(
    settings: Settings, point: SyncPoint, plan: Plan, judged: Snapshot, journal: Journal
) -> str:
    from pgdrift.cli.sync import declare_present

    left = [
        f"{len(those)} {words}"
        for those, words in ((plan.aside, "not chosen"), (plan.up.by_hand, "left by hand"))
        if those
    ]
    if left:
        return f"no sync point of {point.environment}: of what differs, {' and '.join(left)}"
    kept, said = await declare_present(settings, point, judged)
    journal.write("declared", sync_point=kept.id)
    return said


async def _take_back(settings: Settings, point: SyncPoint, journal: Journal) -> str:
    from pgdrift.cli.sync import take_back

    declared = since_up(journal.entries(), "declared").get("sync_point")
    if not isinstance(declared, int):
        return f"no sync point of {point.environment}: the plan had declared none"
    by = TakenBack(point.at, point.actor, point.reason)
    return await take_back(settings, point.environment, declared, by)
