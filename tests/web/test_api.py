"""The JSON API: shapes, filters, and what it refuses."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgdrift.core.model import Against, Outcome
from tests.web import sample
from tests.web.conftest import Shown

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"


async def findings(site: Shown, query: str = "") -> list[dict[str, Any]]:
    body: dict[str, Any] = await site.json(f"/api/v1/findings{query}")
    assert body["count"] == len(body["findings"])
    return list(body["findings"])


async def test_status_says_how_every_environment_stands(site: Shown) -> None:
    body: dict[str, Any] = await site.json("/api/v1/status")
    assert body["version"] == "1.2.3"
    assert body["at"] == "2026-11-22T14:30:00+00:00"
    environments = {e["name"]: e for e in body["environments"]}
    assert {n: e["outcome"] for n, e in environments.items()} == {
        "development": "in_sync",
        "staging": "drifted",
        "production": "drifted",
        "tenant-acme": "unknown",
    }
    production = environments["production"]
    assert production["sync_point"]["reason"] == "release 2026.11"
    assert production["against"][1] == {
        "yardstick": "staging",
        "outcome": "drifted",
        "reason": "",
        "findings": 5,
        "severity": "critical",
        "oldest_finding": "2026-11-20T14:30:00+00:00",
        "migrations_missing": 2,
        "histories": [
            {
                "tool": "flyway",
                "table": "shop.flyway_schema_history",
                "version": "12",
                "state": "edited",
                "text": "checksum here 1, upstream 2",
            }
        ],
        "accepted": 0,
        "ignored": 0,
        "ignored_by": {},
    }
    assert [i["id"] for i in production["incidents"]] == ["inc-7f3a"]
    assert environments["development"]["incidents"] == []
    assert "connection refused" in environments["tenant-acme"]["reason"]


async def test_a_finding_carries_all_that_is_known(site: Shown) -> None:
    found = await findings(site, "?environment=production&kind=column")
    assert found == [
        {
            "environment": "production",
            "against": "staging",
            "kind": "column",
            "name": 'shop."order".currency',
            "change": "removed",
            "attributes": {
                "default": ["'EUR'::bpchar", None],
                "not_null": [True, None],
                "type": ["character(3)", None],
            },
            "contains": [],
            "renamed": None,
            "spelling": [],
            "direction": "behind",
            "severity": "warning",
            "class": "structure",
            "origin": "migration",
            "first_seen": "2026-11-20T14:30:00+00:00",
            "late": True,
            "reason": "",
            "blame": {
                "confidence": "exact",
                "who": "ci",
                "at": "2026-11-20T14:30:00+00:00",
                "application": "flyway",
                "migration": "V42__order_currency",
                "role": None,
                "address": None,
                "statement": None,
                "after": None,
                "until": None,
                "hearsay": None,
            },
        }
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?severity=critical", {"shop.customer", "shop.order_total(bigint)"}),
        ("?direction=behind", {'shop."order".currency', "shop.refund"}),
        ("?direction=behind&severity=info", {"shop.refund"}),
        ("?class=performance", {"shop.order_created_at_idx"}),
        ("?against=development", {"shop.order_state"}),
        ("?kind=index&kind=enum", {"shop.order_created_at_idx", "shop.order_state"}),
        ("?environment=development", set()),
        ("?kind=trigger", set()),
    ],
)
async def test_filters_narrow_and_values_of_one_filter_add_up(
    site: Shown, query: str, names: set[str]
) -> None:
    assert {f["name"] for f in await findings(site, query)} == names


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("findings?colour=red", "unknown parameter 'colour'"),
        ("findings?severity=bad", "unknown severity 'bad'; there are: critical, info, warning"),
        ("findings?environment=prod", "unknown environment 'prod'"),
        ("findings?against=prod", "unknown against 'prod'"),
        ("findings?kind=tables", "unknown kind 'tables'"),
        ("findings?direction=", "unknown direction ''"),
        ("status?environment=production", "takes no parameters"),
    ],
)
async def test_what_cannot_be_meant_is_refused_and_said(site: Shown, path: str, says: str) -> None:
    answer, text = await site.get(f"/api/v1/{path}")
    assert answer.status == 400
    assert answer.content_type == "application/json"
    assert says in text


async def test_hostile_text_is_data_and_never_markup(site: Shown) -> None:
    answer, text = await site.get("/api/v1/findings?against=sync")
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert text.isascii()
    (found,) = await findings(site, "?against=sync")
    assert sample.HOSTILE.replace('"', '""') in found["name"]


async def test_text_that_is_no_unicode_is_answered_too(site: Shown) -> None:
    broken = sample.finding(
        ("table", "public", "a\ud800b"),
        {"comment": ("x", "y\udfff")},
        sample.STRANGE.direction,
        sample.STRANGE.severity,
    )
    staging = site.standings["staging"]
    against = (Against("sync", Outcome.DRIFTED, (broken,)),)
    site.standings = {"staging": replace(staging, against=against)}
    (found,) = await findings(site)
    assert found["attributes"]["comment"][1] == "y\udfff"
    answer, text = await site.get("/environments/staging")
    assert answer.status == 200
    assert "a\\ud800b" in text


async def test_a_password_in_a_reason_is_masked(site: Shown) -> None:
    reason = "postgresql://app:hunter2@db/shop does not answer"
    site.standings = {"t": replace(site.standings["tenant-acme"], environment="t", reason=reason)}
    for path in ("/api/v1/status", "/", "/environments/t"):
        _, text = await site.get(path)
        assert "hunter2" not in text
        assert "does not answer" in text


async def test_an_unknown_address_of_the_api_answers_in_json(site: Shown) -> None:
    answer, _ = await site.get("/api/v1/nothing")
    assert answer.status == 404
    assert await site.json("/api/v1/nothing") == {"error": "there is no such page"}


async def test_the_document_names_every_key(site: Shown) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z_]+)`", text)) | set(re.findall(r'"([a-z_]+)":', text))

    def keys(value: object) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(keys, value))
        if isinstance(value, dict):
            free = {"attributes", "not_compared"}
            return set(value) | set().union(*(keys(v) for k, v in value.items() if k not in free))
        return set()

    for path in ("/api/v1/status", "/api/v1/findings"):
        assert keys(await site.json(path)) - documented == set()
