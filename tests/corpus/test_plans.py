"""Real schemas, planned both ways and proved, and whether it is true; the shares are printed.

Each pair is planned as `pgdrift plan --prove` does it. What a proof claims is checked by running
the scripts in the database itself, and by pg_dump. What the newest major cannot load is tried on
PostgreSQL 15, where that is there.

The corpus lies beside the project and is no part of it. It takes more than an hour of one core,
so it is done where it is asked for: PGDRIFT_CORPUS=all takes every pair and every version, and
PGDRIFT_CORPUS=plans every sixth pair.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import drop_database, run_sql
from tests.majors import binaries
from tests.plan.claimed import Claim, claimed, side
from tests.plan.dumped import psql

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"

pytestmark = [
    pytest.mark.db,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real schemas is not here"),
    pytest.mark.skipif(
        os.environ.get("PGDRIFT_CORPUS") not in {"all", "plans"},
        reason="a plan and its proof for each pair of it take long: PGDRIFT_CORPUS=all",
    ),
    pytest.mark.timeout(36_000),
]

# Why something of these pairs is left by hand: no statement of PostgreSQL does it, or what it
# would have to say is never read; and what comes with that.
TRUE_REASONS = (
    "secret",
    "rows would have to move",
    "no update path",
    "whose a column is",
    "the way there leaves it by hand",
    "it needs ",
)
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "jit": "off"}
_OLDER = 15


class CannotLoadError(Exception):
    """A server lacks something that a file of the corpus needs."""


@pytest.fixture(scope="module")
def servers() -> Iterator[Sequence[EmbeddedServer]]:
    """Servers of its own: the corpus needs roles, which all databases of a server share."""
    given = os.environ.get("PGDRIFT_TEST_PG_BIN")
    older = binaries(_OLDER)
    with ExitStack() as stack:
        places = [Path(given)] if given else [None, *([older] if older else [])]
        yield [
            stack.enter_context(EmbeddedServer.start(_SETTINGS, binaries=place)) for place in places
        ]


async def _load(server: EmbeddedServer, sql: Path) -> str:
    name = f"c_{secrets.token_hex(6)}"
    await run_sql(server.dsn(), f"CREATE DATABASE {name} TEMPLATE template0")
    if "ERROR" in (said := await psql(server.dsn(name), sql.read_bytes())):
        await drop_database(server.dsn(), name)
        raise CannotLoadError(f"{sql.parent.name}/{sql.name}: {said}")
    return name


async def _claims(server: EmbeddedServer, a: Path, b: Path) -> list[Claim]:
    """Return what is claimed of each direction."""
    names = [await _load(server, a), await _load(server, b)]
    try:
        first, second = [await side(server.dsn(name)) for name in names]
        return [await claimed(server, first, second), await claimed(server, second, first)]
    finally:
        for name in names:
            await drop_database(server.dsn(), name)


def _word(claim: Claim) -> str:
    if claim.false:
        return "false"
    if not claim.plan.proved:
        return "unproved"
    if claim.by_hand:
        true = all(any(r in why for r in TRUE_REASONS) for why in claim.by_hand)
        return "by hand" if true else "by hand without a true reason"
    return "proved" if claim.plan.up.statements or claim.plan.down.statements else "equal"


def _wrong(claim: Claim) -> str:
    proof = claim.plan.proof
    said = [*claim.false, *claim.by_hand, *((proof.up, proof.down) if proof else ())]
    return "; ".join(filter(None, said))


def _share(counts: Counter[str]) -> str:
    """Return of all directions that differ and can be altered, how many are proved, in per cent."""
    of = sum(counts[w] for w in ("proved", "unproved", "false", "by hand without a true reason"))
    return f"{100 * counts['proved'] / of:.1f} %" if of else "none"


async def test_pairs_are_planned_both_ways_and_back(
    servers: Sequence[EmbeddedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    for server in servers:
        await psql(server.dsn(), (CORPUS / "pairs" / "roles.sql").read_bytes())
    index = json.loads((CORPUS / "pairs" / "index.json").read_text(encoding="utf-8"))
    counts: Counter[str] = Counter()
    untrue = []
    for pair in index[:: 1 if os.environ["PGDRIFT_CORPUS"] == "all" else 6]:
        folder = CORPUS / "pairs" / pair["source"] / pair["case"]
        for server in servers:
            try:
                claims = await _claims(server, folder / "a.sql", folder / "b.sql")
            except CannotLoadError:
                continue
            words = [_word(c) for c in claims]
            counts.update(words)
            untrue += [
                f"{folder.name}: {word}: {_wrong(claim)}"
                for word, claim in zip(words, claims, strict=True)
                if word not in {"proved", "equal", "by hand"}
            ]
            break
        else:
            counts["cannot be loaded here"] += 2
    with capsys.disabled():
        sys.stdout.write(f"\npairs, each both ways: {dict(counts)}; proved: {_share(counts)}\n")
    assert not counts["false"], "\n".join(untrue)
    assert not untrue, "\n".join(untrue)


async def test_the_history_of_a_real_schema_is_planned_both_ways_and_back(
    servers: Sequence[EmbeddedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    versions = sorted((CORPUS / "history" / "openstreetmap").glob("*.sql"))
    counts: Counter[str] = Counter()
    untrue = []
    for a, b in [*pairwise(versions), (versions[0], versions[-1])]:
        for claim in await _claims(servers[0], a, b):
            counts[_word(claim)] += 1
            if _word(claim) not in {"proved", "equal"}:
                untrue.append(f"{a.stem} and {b.stem}: {_word(claim)}: {_wrong(claim)}")
    with capsys.disabled():
        sys.stdout.write(f"\nhistory, each step both ways: {dict(counts)}\n")
    assert not untrue, "\n".join(untrue)
