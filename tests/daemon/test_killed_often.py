"""Killed again and again, between any two steps of the loop: everything is told, once as new.

The environment is a snapshot file, so that nothing but the daemon itself is started anew. How
often is PGDRIFT_KILLS: a few in `make test`, two hundred in `make soak`.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from functools import partial
from pathlib import Path

from pgdrift.core import snapshot_file
from pgdrift.core.model import Object, Snapshot
from tests.core.build import KINDS, NOW, column, table
from tests.daemon.house import Daemon, House, all_text, until

KILLS = int(os.environ.get("PGDRIFT_KILLS", "6"))
REPEATED = "repeated: delivery was interrupted"
KILLED = -9
# From the decision until two messages are told and kept, a daemon takes some 2,000 steps.
MOST_STEPS = 2000


def story(number: int) -> Snapshot:
    """Return what there is after so many changes: every third one puts things right."""
    objects: list[Object] = [table()]
    if number % 3:
        objects += [column(f"added_{number // 3}_{n}") for n in range(number % 3)]
    return Snapshot({o.id: o for o in objects}, KINDS, 180001, NOW)


def write(path: Path, number: int) -> None:
    new = path.with_suffix(".new")
    new.write_text(snapshot_file.dump(story(number)), encoding="utf-8")
    new.rename(path)


async def test_nothing_is_lost_and_nothing_is_told_twice_as_new(house: House) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    file = house.folder / "east.json"
    house.data["environments"]["east"] = {"snapshot": str(file)}
    house.tell("oncall", "dba")
    write(file, 0)
    first = await (await house.start()).watching()
    await first.end()

    died = 0
    for number in range(1, KILLS + 1):
        write(file, number)
        daemon = await house.start("killed.py", str(dice.randint(1, MOST_STEPS)))
        await until(partial(over, daemon, house), house.told)
        died += daemon.process.returncode is not None
        if daemon.process.returncode is None:
            daemon.process.kill()
        assert await daemon.ended() == KILLED, daemon.said
    write(file, 3 * (KILLS // 3 + 1))
    last = await (await house.start()).watching()
    await last.look_again("east")
    await until(lambda: settled(house), house.told)
    await last.end()

    why = f"seed {seed}\n{house.told()}"
    opened = Counter(m["metadata"]["event_payload"]["incident"] for m in house.roots())
    told = Counter(m["metadata"]["event_payload"]["delivery"] for m in house.slack.messages)
    assert died > KILLS // 3, why  # and not after all was done
    assert opened, why
    assert set(opened.values()) == {1}, why
    assert set(told.values()) == {1}, why
    assert all("is in sync" in m["text"] for m in house.roots()), why
    assert not any(REPEATED in all_text(m) for m in house.slack.messages), why
    wanted = {d["id"] for d in house.deliveries() if d["channel"] == "oncall"}
    assert set(told) == wanted, why
    mails = Counter(m["Message-ID"] for m in house.mail.mails)
    as_new = Counter(m["Message-ID"] for m in house.mail.mails if REPEATED not in m["Subject"])
    assert len(mails) == len([d for d in house.deliveries() if d["channel"] == "dba"]), why
    assert set(as_new.values()) <= {1}, why


def settled(house: House) -> bool:
    return all(d["state"] in {"done", "failed"} for d in house.deliveries())


def over(daemon: Daemon, house: House) -> bool:
    """Tell whether it died, or has nothing to tell: the deaths before it left things in order."""
    idle = len(daemon.events("look.unchanged")) > 4 and settled(house)
    return daemon.process.returncode is not None or idle
