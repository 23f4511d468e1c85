"""The chart's configuration is one that the daemon takes, and both mean the same places."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml
from typer.testing import CliRunner

from pgdrift.cli import app
from pgdrift.settings import Settings, load
from pgdrift.web.listen import parse_address
from tests.chart.rendering import (
    ROOT,
    SETS,
    Object,
    Values,
    objects,
    of_kind,
    one,
    parsed,
    rendered,
    values,
)

EXAMPLES = sorted((ROOT / "config").glob("*.yaml"))


def config_map(given: list[Object]) -> Object:
    (found,) = [c for c in of_kind("ConfigMap", given) if "pgdrift.yaml" in c["data"]]
    return found


def written(given: list[Object], into: Path) -> Path:
    """Write the ConfigMap as Kubernetes mounts it; return the configuration's path."""
    for name, text in config_map(given)["data"].items():
        (into / name).write_text(text, encoding="utf-8")
    return into / "pgdrift.yaml"


def pod(given: list[Object]) -> Object:
    spec: Object = one("StatefulSet", given)["spec"]["template"]["spec"]
    return spec


def container(given: list[Object]) -> Object:
    (found,) = [c for c in pod(given)["containers"] if c["name"] == "pgdrift"]
    return dict(found)


@pytest.fixture(autouse=True)
def without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [n for n in os.environ if n.upper().startswith("PGDRIFT_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("name", SETS)
def test_the_daemon_takes_it(name: str, tmp_path: Path) -> None:
    path = written(objects(name), tmp_path)
    settings = load(path)
    given = values(name).get("config", {})
    assert set(settings.environments) == set(given.get("environments", {}))
    assert set(settings.alerts.channels) == set(given.get("alerts", {}).get("channels", {}))
    checked = CliRunner().invoke(app, ["config", "check", "--config", str(path)])
    assert checked.exit_code == 0, checked.output
    assert f"good: {len(settings.environments)} environment" in checked.output


@pytest.mark.parametrize("name", SETS)
def test_the_pod_serves_where_the_configuration_says(name: str, tmp_path: Path) -> None:
    settings = load(written(objects(name), tmp_path))
    host, port = parse_address(settings.web.listen)
    assert host is None  # also where a cluster speaks IPv6 alone
    (offered,) = container(objects(name))["ports"]
    assert offered["containerPort"] == port
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container(objects(name))[probe]["httpGet"]["port"] == offered["name"]


def mounts(given: list[Object]) -> dict[str, Object]:
    return {m["mountPath"]: m for m in container(given)["volumeMounts"]}


@pytest.mark.parametrize("name", SETS)
def test_the_store_is_on_the_volume_that_stays(name: str, tmp_path: Path) -> None:
    given = objects(name)
    store = load(written(given, tmp_path)).store
    if store.url_file:
        assert str(store.url_file.parent) in mounts(given)
        return
    url = store.url
    assert url.startswith("sqlite:////")
    mount = mounts(given)[str(Path(url.removeprefix("sqlite:///")).parent)]
    assert not mount.get("readOnly")
    templates = one("StatefulSet", given)["spec"].get("volumeClaimTemplates", [])
    kinds = {t["metadata"]["name"]: "claim" for t in templates}
    kinds |= {v["name"]: next(k for k in v if k != "name") for v in pod(given)["volumes"]}
    usual = {"forgetful": "emptyDir", "existing-claim": "persistentVolumeClaim"}
    assert kinds[mount["name"]] == usual.get(name, "claim")


@pytest.mark.parametrize("name", SETS)
def test_the_configuration_is_a_folder_that_a_change_arrives_in(name: str) -> None:
    (named,) = [
        v["value"] for v in container(objects(name))["env"] if v["name"] == "PGDRIFT_CONFIG"
    ]
    mount = mounts(objects(name))[str(Path(named).parent)]
    assert "subPath" not in mount
    (volume,) = [v for v in pod(objects(name))["volumes"] if v["name"] == mount["name"]]
    assert volume["configMap"] == {"name": config_map(objects(name))["metadata"]["name"]}
    assert Path(named).name in config_map(objects(name))["data"]


def files(value: Any, key: str = "") -> Iterator[str]:
    """Give every file that a configuration names."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from files(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from files(inner)
    elif key.endswith("_file") or key == "snapshot" or (key == "follows" and "/" in value):
        yield value


def there(given: list[Object]) -> Iterator[str]:
    """Give every file that the pod has for sure, and each folder of which that is not known."""
    volumes = {v["name"]: v for v in pod(given)["volumes"]}
    for path, mount in mounts(given).items():
        volume = volumes.get(mount["name"], {})
        if volume.get("configMap", {}).get("name") == config_map(given)["metadata"]["name"]:
            yield from (f"{path}/{file}" for file in config_map(given)["data"])
        elif mount["name"] == "secrets":
            sources = volume["projected"]["sources"]
            yield from (f"{path}/{s['secret']['items'][0]['path']}" for s in sources)
        else:
            yield f"{path}/"


@pytest.mark.parametrize("name", SETS)
def test_every_file_that_it_names_is_mounted(name: str) -> None:
    found = list(there(objects(name)))
    for file in files(yaml.safe_load(config_map(objects(name))["data"]["pgdrift.yaml"])):
        folders = [f for f in found if f.endswith("/")]
        assert file in found or any(file.startswith(f) for f in folders), file


def template(given: Values) -> Object:
    found: Object = one("StatefulSet", parsed(rendered(given)))["spec"]["template"]
    return found


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"defaults": {"interval": "10s"}}},
        {"config": {"store": {"keep": "30d"}}},
        {"files": {"OWNERS": "* @others"}},
        {"ingress": {"enabled": True, "hosts": ["drift.example.org"]}},
    ],
    ids=str,
)
def test_what_is_read_live_leaves_the_pod_alone(change: Values) -> None:
    assert template(change) == template({})
    assert template({"reload": "rollout", **change}) != template({"reload": "rollout"})
    assert template({"reload": "rollout", **change}) == template({"reload": "rollout", **change})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, None),
        ({"ingress": {"enabled": True, "hosts": ["a.example.org", "b"]}}, "http://a.example.org"),
        (
            {"ingress": {"enabled": True, "hosts": ["a"], "tls": [{"secretName": "x"}]}},
            "https://a",
        ),
        (
            {"httpRoute": {"enabled": True, "hostnames": ["c"], "parentRefs": [{"name": "x"}]}},
            "https://c",
        ),
        (
            {
                "ingress": {"enabled": True, "hosts": ["a"]},
                "config": {"web": {"public_url": "https://d/pg"}},
            },
            "https://d/pg",
        ),
    ],
    ids=str,
)
def test_messages_link_to_where_the_page_is(given: Values, url: str | None, tmp_path: Path) -> None:
    assert load(written(parsed(rendered(given)), tmp_path)).web.public_url == url


def test_what_is_false_or_nothing_stays_so(tmp_path: Path) -> None:
    """Helm's ways to merge take these for not given."""
    config = {
        "environments": {
            "a": {"dsn": "postgresql://x@y/z", "protected": False, "listen": False},
            "dsn": {"dsn": "postgresql://x@[fd00::1]:5432/z"},  # a name as any other
        },
        "compare": {"leave_out": [], "spelling": False},
    }
    settings = load(written(parsed(rendered({"config": config})), tmp_path))
    assert settings.compare.leave_out == ()
    assert settings.environments["a"].listen == "off"


# Every example of the configuration is one for the chart


def for_the_chart(config: Any) -> Values:
    """Return values for a configuration that was written for a machine: secrets, files, mounts."""
    config = copy.deepcopy(config)
    config.get("store", {}).pop("url", None)
    config.get("web", {}).pop("listen", None)
    text = json.dumps(config).replace('"./', '"/srv/')
    text = re.sub("/run/secrets/(?!pgdrift/)", "/run/secrets/pgdrift/", text)
    named = set(files(json.loads(text)))
    secrets = {Path(n).name for n in named if n.startswith("/run/secrets/pgdrift/")}
    beside = {Path(n).name for n in named if n.startswith("/etc/pgdrift/")}
    return {
        "config": json.loads(text),
        "secrets": {file: {"name": "pgdrift", "key": file} for file in secrets},
        "files": dict.fromkeys(beside, "* @platform"),
        "extraVolumes": [{"name": "srv", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "srv", "mountPath": "/srv"}],
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_the_chart_takes_every_example(path: Path, tmp_path: Path) -> None:
    """As Helm reads it, and without what the chart gives itself."""
    given = for_the_chart(helm.values_from_yaml(path.read_text(encoding="utf-8")))
    for name, environment in given["config"].get("environments", {}).items():
        assert "dsn" in environment or "dsn_file" in environment or "snapshot" in environment, name
    through = load(written(parsed(rendered(given)), tmp_path))
    straight = tmp_path / "straight.yaml"
    text = yaml.safe_dump(given["config"])
    straight.write_text(text, encoding="utf-8")
    alike = {"store": {"url": "x"}, "web": {"listen": "x"}}
    assert _as_said(through, alike) == _as_said(load(straight), alike)


def _as_said(settings: Settings, given: Mapping[str, Mapping[str, str]]) -> object:
    said = json.loads(settings.model_dump_json(by_alias=True))
    for section, keys in given.items():
        said[section] |= keys
    return said


def test_the_readme_and_the_guide_show_values_that_work(tmp_path: Path) -> None:
    """Each block of values that they show is rendered and its configuration is read."""
    shown = 0
    for page in ("deploy/helm/pgdrift/README.md", "docs/kubernetes.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for block in re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            given = helm.values_from_yaml(block)
            if "apiVersion" not in given:
                load(written(parsed(rendered(given)), tmp_path))
                shown += 1
    assert shown >= 3
