"""The section `alerts`: what is meant is taken as it is meant, and what cannot be is refused."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from textwrap import dedent, indent

import pytest

from pgdrift import rules
from pgdrift.core.alerts.owners import Team
from pgdrift.core.model import Severity
from pgdrift.errors import ConfigError
from pgdrift.settings import Settings, load

HEAD = """\
environments: { production: { dsn: "postgresql://x@h/d" } }
alerts:
  channels:
    a: { type: email, host: h, to: [a@example.org] }
    b: { type: email, host: h, to: [b@example.org] }
"""


def taken(folder: Path, alerts: str) -> Settings:
    path = folder / "c.yaml"
    path.write_text(HEAD + indent(dedent(alerts), "  "), encoding="utf-8")
    return load(path)


def test_a_route_is_taken_with_all_that_it_says(tmp_path: Path) -> None:
    settings = taken(
        tmp_path,
        """
        routes:
          - to: [a]
            environment: production
            continue: true
            objects: "billing.*"
            quiet:
              - { from: 22:00, to: 07:00, zone: Europe/Berlin, days: [mon, fri] }
              - { from: "00:00", to: "24:00", days: [sat], except: [] }
            mention: S0123ABC
          - { to: [b], group_by: [severity], repeat: 12h }
        """,
    )
    first, second = rules.routes(settings)
    assert (first.environments, first.go_on, first.objects) == (
        ("production",),
        True,
        ("billing.*",),
    )
    assert first.quiet is not None
    night, saturday = first.quiet.hours
    assert (night.start, night.end, night.days) == (time(22), time(7), frozenset({0, 4}))
    assert (saturday.start, saturday.end, saturday.days) == (time(0), time(0), frozenset({5}))
    assert first.quiet.exempt == {Severity.CRITICAL}
    assert (first.wait, first.mention) == (timedelta(0), "S0123ABC")
    assert (second.wait, second.repeat) == (timedelta(seconds=30), timedelta(hours=12))


def test_who_owns_what_is_read_from_the_file_and_how_teams_are_reached_from_here(
    tmp_path: Path,
) -> None:
    file = tmp_path / "OWNERS"
    alerts = f"""
        routes: [{{ to: [owner] }}]
        owners: {{ billing: {{ channel: a, mention: here }}, audit: {{}} }}
        owners_file: {file}
        """
    assert rules.owners(taken(tmp_path, alerts)).of("table:billing.x") == ()
    file.write_text("billing.* @billing\n", encoding="utf-8")
    owners = rules.owners(taken(tmp_path, alerts))
    assert owners.of("table:billing.x") == ("billing",)
    assert owners.teams == {"billing": Team("a", "here"), "audit": Team()}
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"cannot read alerts\.owners_file"):
        taken(tmp_path, alerts)


@pytest.mark.parametrize(
    ("alerts", "words"),
    [
        ("routes: [{ to: [c] }]", "routes.0.to names channel 'c', which does not exist"),
        ("routes: [{ to: [a], fallback: [owner] }]", "routes.0.fallback names channel 'owner'"),
        ("routes: [{ to: [owner] }]", "`owner` leads nowhere: no team has a channel"),
        ("owners: { x: { channel: c } }", "owners.x.channel names channel 'c'"),
        ("routes: [{ to: [a], group_by: [table] }]", "c.yaml:7: alerts.routes.0.group_by.0"),
        ("routes: [{ to: [a], mention: '@dba' }]", "write here, channel, or the id"),
        ("routes: [{ to: [a], quiet: { from: 22, to: 7 } }]", "write a time of day"),
        ("routes: [{ to: [a], quiet: { from: '24:30', to: '7:00' } }]", "write a time of day"),
        (
            "routes: [{ to: [a], quiet: { from: '22:00', to: '7:00', zone: Mars/Olympus } }]",
            "no such time zone here",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, alerts: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        taken(tmp_path, "\n" + alerts + "\n")
    assert words in str(caught.value)


def test_a_channel_cannot_take_the_name_of_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD.replace("    b:", "    owner:"), encoding="utf-8")
    with pytest.raises(ConfigError, match="this name is taken"):
        load(path)
