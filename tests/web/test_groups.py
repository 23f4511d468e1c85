"""Groups of environments on a page with a search, in the API, and in metrics without a series each."""

from __future__ import annotations

import re
from typing import Any

from pgdrift.core.model import Standing
from pgdrift.metrics import Metrics, Named
from tests.core.build import NOW
from tests.core.test_variants import EXTRA, FLEET, tenant
from tests.web.conftest import Shown

HOSTILE = tenant("<script>alert(1)</script>", "dd", EXTRA)


def shown(*more: Standing) -> dict[str, Standing]:
    return {s.environment: s for s in (*FLEET, *more)}


async def test_a_group_is_a_table_and_not_a_card_for_each(site: Shown) -> None:
    site.standings = shown(HOSTILE)
    answer, html = await site.get("/")
    assert answer.status == 200
    assert "387 like this, 12 like that, 2 alone, 1 not known" in html
    assert html.count("<article") == 0
    assert "<script>alert" not in html
    assert len(html) < 20_000


async def test_those_asked_for_are_shown(site: Shown) -> None:
    site.standings = shown()

    async def rows(query: str) -> list[str]:
        _, html = await site.get(f"/groups/tenants?{query}")
        return re.findall(r'href="\.\./environments/([^"]*)"', html)

    assert await rows("variant=2") == [f"u{n:02}" for n in range(12)]
    assert await rows("q=T38") == [f"t38{n}" for n in range(7)]
    assert await rows("state=unknown") == ["w"]
    assert await rows("state=drift&q=v") == ["v"]
    assert len(await rows("")) == 200


async def test_a_group_that_is_not_there_is_said_so(site: Shown) -> None:
    answer, _ = await site.get("/groups/nobody")
    assert answer.status == 404


async def test_programs_get_every_member(site: Shown) -> None:
    site.standings = shown()
    body: dict[str, Any] = await site.json("/api/v1/variants")
    (group,) = body["groups"]
    assert [v["count"] for v in group["variants"]] == [387, 12, 1]
    assert (await site.get("/api/v1/variants?x=1"))[0].status == 400


def test_metrics_count_a_group_and_none_of_its_members() -> None:
    standings = shown(tenant("alone", "aa", group=""))
    metrics = Metrics(lambda: standings, tuple, lambda: NOW, tuple, dict, tuple, tuple)
    named = {name: Named(30.0, series=not s.group) for name, s in standings.items()}
    metrics.known(named, ())
    for name in standings:
        metrics.looked(name, standings[name].outcome, "gate", 0.1)
    page = metrics.render()[0].decode()
    assert 'environment="alone"' in page
    assert 'environment="t001"' not in page
    assert 'pgdrift_variant_environments{group="tenants",variant="1"} 387.0' in page
    assert 'pgdrift_group_environments{group="tenants",outcome="unknown"} 1.0' in page
    assert 'pgdrift_group_environments{group="tenants",outcome="drifted"} 13.0' in page
    assert 'pgdrift_group_variants{group="tenants"} 3.0' in page
