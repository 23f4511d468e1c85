"""What the chart writes, for the whole matrix: Helm finds no fault in it, and Kubernetes takes it."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils as kubernetes_schemas

from pgdrift import __version__
from tests.chart.rendering import (
    CHART,
    NAMESPACE,
    RELEASE,
    ROOT,
    SETS,
    Object,
    called,
    objects,
    of_kind,
    one,
    parsed,
    rendered,
    values,
)

# Value sets that bring a field of Kubernetes' which is younger than the chart needs.
SINCE = {"native-sidecar": "1.28"}


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


# Read once for all manifests; each has some megabytes.
kubernetes_schemas.schema_contents = cache(kubernetes_schemas.schema_contents)

VERSIONS = [
    short
    for version in dict.fromkeys(kubernetes_schemas.all_versions())
    for short in [kubernetes_schemas.major_minor(version)]
    if number(short) >= (1, 27)
]
CRDS = ROOT / ".cache" / "crds"
# Their names become labels of pods, or of DNS.
LABELLING = {"Service", "StatefulSet", "Pod"}
CUSTOM = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "HTTPRoute"}


def test_the_matrix_is_wide() -> None:
    assert len(SETS) >= 15
    assert VERSIONS[0] == "1.27"
    assert VERSIONS[-1] == kubernetes_schemas.major_minor(kubernetes_validate.latest_version())
    assert len(VERSIONS) >= 11


@pytest.mark.parametrize("name", SETS)
def test_helm_lint_finds_nothing(name: str) -> None:
    report = helm.lint(CHART, values(name), strict=True, namespace=NAMESPACE)
    assert report["errors"] == []
    assert [m for m in report["messages"] if "icon" not in m["error"]] == []


def faults(found: Object, version: str) -> list[str]:
    try:
        kubernetes_validate.validate(found, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{called(found)}, {version}: {'.'.join(map(str, error.path))}: {error.message}"]
    return []


@cache
def of_the_matrix(version: str = VERSIONS[-1]) -> list[Object]:
    """Return every object of the value sets that this version is for, those that are equal once."""
    sets = [name for name in SETS if name not in SINCE or number(version) >= number(SINCE[name])]
    by_text = {json.dumps(o, sort_keys=True): o for name in sets for o in objects(name)}
    return list(by_text.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_manifest(version: str) -> None:
    own = [o for o in of_the_matrix(version) if o["kind"] not in CUSTOM]
    assert len(own) > 60
    assert [fault for o in own for fault in faults(o, version)] == []


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_what_kubernetes_does_not_know_is_found(version: str) -> None:
    found = copy.deepcopy(one("StatefulSet", objects("minimal")))
    found["spec"]["template"]["spec"]["containers"][0]["securityContex"] = {}
    assert "securityContex" in faults(found, version)[0]


node = pytest.mark.skipif(
    shutil.which("node") is None or not (CRDS / "node_modules").exists(),
    reason="asks the schemas of custom resources, which are not here: `make tools` fetches them",
)


def custom_faults(given: list[Object]) -> list[list[str]]:
    done = subprocess.run(
        ["node", CRDS / "check.mjs"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found


@node
def test_operators_take_every_custom_resource() -> None:
    custom = [o for o in of_the_matrix() if o["kind"] in CUSTOM]
    assert {o["kind"] for o in custom} == CUSTOM
    assert [f for fault in custom_faults(custom) for f in fault] == []


@node
def test_what_operators_do_not_know_is_found() -> None:
    monitor = copy.deepcopy(one("ServiceMonitor", objects("everything")))
    monitor["spec"]["endpoints"][0]["metricRelabeling"] = []
    monitor["spec"]["endpoints"][0]["interval"] = "30 s"
    (found,) = custom_faults([monitor])
    assert found[0].startswith("/spec/endpoints/0/interval must match pattern")
    del monitor["spec"]["endpoints"][0]["interval"]
    assert custom_faults([monitor]) == [["/spec/endpoints/0/metricRelabeling is not known"]]


def test_the_chart_is_of_this_release() -> None:
    assert helm.Chart.load(CHART).metadata["appVersion"] == __version__
    assert one("StatefulSet", objects("defaults"))["spec"]["template"]["spec"]["containers"][0][
        "image"
    ].endswith(f":{__version__}")


@pytest.mark.parametrize("name", SETS)
def test_every_object_is_labelled_and_named_alike(name: str) -> None:
    assert len({called(o) for o in objects(name)}) == len(objects(name))
    for found in objects(name):
        metadata = found["metadata"]
        assert metadata["namespace"] == NAMESPACE
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        assert values(name).get("commonLabels", {}).items() <= metadata["labels"].items()
        common = values(name).get("commonAnnotations", {})
        assert common.items() <= metadata.get("annotations", {}).items()
        assert len(metadata["name"]) <= (63 if found["kind"] in LABELLING else 253)


@pytest.mark.parametrize("name", SETS)
def test_what_selects_pods_selects_the_daemon_and_not_the_test(name: str) -> None:
    """And for ever: neither versions nor labels of the user's are in it."""
    given = objects(name)
    daemon = one("StatefulSet", given)["spec"]
    labels = daemon["template"]["metadata"]["labels"]
    test = one("Pod", given)["metadata"]["labels"]
    selectors = [daemon["selector"]["matchLabels"]]
    selectors += [s["spec"]["selector"] for s in of_kind("Service", given)]
    selectors += [n["spec"]["podSelector"]["matchLabels"] for n in of_kind("NetworkPolicy", given)]
    selectors += [
        o["spec"]["selector"]["matchLabels"]
        for kind in ("PodMonitor", "PodDisruptionBudget")
        for o in of_kind(kind, given)
    ]
    for selector in selectors:
        assert selector == selectors[0]
        assert selector.items() <= labels.items()
        assert not selector.items() <= test.items()
    assert "helm.sh/chart" not in json.dumps([*selectors, daemon.get("volumeClaimTemplates")])


def test_what_points_at_something_finds_it() -> None:
    given = objects("everything")
    daemon, pages = (
        one("StatefulSet", given)["spec"],
        {s["metadata"]["name"]: s for s in of_kind("Service", given)},
    )
    headless = pages.pop(daemon["serviceName"])
    assert headless["spec"]["clusterIP"] == "None"
    assert "ports" not in headless["spec"]  # or each sample came twice
    (page,) = pages.values()
    (port,) = page["spec"]["ports"]
    (container,) = [c for c in daemon["template"]["spec"]["containers"] if c["name"] == "pgdrift"]
    assert [p["name"] for p in container["ports"]] == [port["targetPort"]]
    backend = one("Ingress", given)["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": page["metadata"]["name"], "port": {"name": port["name"]}}
    (way,) = one("HTTPRoute", given)["spec"]["rules"][0]["backendRefs"]
    assert way == {"name": page["metadata"]["name"], "port": port["port"]}
    monitor = one("ServiceMonitor", given)["spec"]
    assert monitor["selector"]["matchLabels"].items() <= page["metadata"]["labels"].items()
    assert [e["port"] for e in monitor["endpoints"]] == [port["name"]]
    used = {m["name"] for m in container["volumeMounts"]}
    claims = {c["metadata"]["name"] for c in daemon["volumeClaimTemplates"]}
    assert used == claims | {v["name"] for v in daemon["template"]["spec"]["volumes"]}


@pytest.mark.parametrize("name", SETS)
def test_the_account_of_the_pod_is_made_or_named(name: str) -> None:
    used = one("StatefulSet", objects(name))["spec"]["template"]["spec"]["serviceAccountName"]
    made = [a["metadata"]["name"] for a in of_kind("ServiceAccount", objects(name))]
    assert made in ([used], [])
    if not made:
        assert used == values(name)["serviceAccount"].get("name", "default")


def test_replicas_share_a_store_on_a_server_and_have_no_disk() -> None:
    daemon = one("StatefulSet", objects("replicas"))["spec"]
    pod = daemon["template"]["spec"]
    assert daemon["replicas"] == 3
    assert "volumeClaimTemplates" not in daemon
    assert {v["name"]: [*v][1] for v in pod["volumes"]}["data"] == "emptyDir"
    (store,) = [v["secret"] for v in pod["volumes"] if v["name"] == "store"]
    assert store["secretName"] == "pgdrift-store"
    assert store["items"] == [{"key": "uri", "path": "url"}]
    mounted = {m["name"]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
    config = yaml.safe_load(
        next(m["data"]["pgdrift.yaml"] for m in of_kind("ConfigMap", objects("replicas")))
    )
    assert config["store"] == {"url_file": f"{mounted['store']}/url"}
    assert one("PodDisruptionBudget", objects("replicas"))["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize("replicas", [1, 2])
def test_several_are_spread_over_nodes_where_nobody_says_otherwise(replicas: int) -> None:
    given = values("replicas") | {"replicas": replicas, "topologySpreadConstraints": []}
    pod = one("StatefulSet", parsed(rendered(given)))["spec"]["template"]["spec"]
    keys = [c["topologyKey"] for c in pod.get("topologySpreadConstraints", [])]
    assert keys == ["kubernetes.io/hostname"] * (replicas > 1)


def test_rules_and_dashboards_arrive_as_they_are() -> None:
    """What stands in braces there is for Prometheus and Grafana, and no template of Helm's."""
    given = objects("production")
    rules = yaml.safe_load((CHART / "files" / "rules.yaml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                rule["labels"] = {**rule.get("labels", {}), "team": "platform"}
    assert one("PrometheusRule", given)["spec"] == rules
    files = sorted((CHART / "files" / "dashboards").glob("*.json"))
    found = [
        m for m in of_kind("ConfigMap", given) if "grafana_dashboard" in m["metadata"]["labels"]
    ]
    assert [list(m["data"]) for m in found] == [[f.name] for f in files]
    for file, made in zip(files, found, strict=True):
        assert json.loads(made["data"][file.name]) == json.loads(file.read_text(encoding="utf-8"))
        assert made["metadata"]["annotations"]["grafana_folder"] == "pgdrift"
        assert len(made["data"][file.name]) < 900_000  # a ConfigMap holds a megabyte


# No value is dead

ABSENT = object()


def leaf(of: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        of = of.get(key, ABSENT) if isinstance(of, dict) else ABSENT
    return of


def without(given: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(given)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


def leaves() -> list[tuple[str, ...]]:
    from deploy.helm.generate import values as described

    return [value.path for value in described() if not value.section]


@pytest.mark.parametrize("path", leaves(), ids=".".join)
def test_every_value_changes_something(path: tuple[str, ...]) -> None:
    """Where it is taken back to its default in a value set, something comes out otherwise."""
    using = [name for name in SETS if leaf(values(name), path) is not ABSENT]
    assert using, "no value set uses it"
    for name in using:
        given = without(values(name), path)
        try:
            if rendered(given) != rendered(values(name)):
                return
        except helm.HelmError:
            return  # another value needs this one
    raise AssertionError(f"changes nothing in {', '.join(using)}")


# What the user is told


@pytest.mark.parametrize("name", SETS)
def test_the_notes_tell_the_next_step(name: str) -> None:
    notes = rendered(values(name))["NOTES.txt"]
    assert "Next:\n\n  1. " in notes
    environments = {*values(name).get("config", {}).get("environments", {})}
    environments |= {"production"} if name == "variables" else set()
    assert all(e in notes for e in environments)
    assert ("watches nothing yet" in notes) is not bool(environments)
    assert ("WARNING: persistence.enabled is false" in notes) is (name == "forgetful")
    for source in values(name).get("secrets", {}).values():
        assert f"{source['name']}, key {source['key']}" in notes


def test_the_first_steps_of_the_notes_are_values_that_work() -> None:
    """Whoever copies what the notes of an empty install say has one that watches."""
    notes = rendered({})["NOTES.txt"]
    text = notes.partition("and run helm upgrade:\n")[2].partition("\n\n")[0]
    given = helm.values_from_yaml(
        "\n".join(line.removeprefix(" " * 7) for line in text.splitlines())
    )
    assert set(given) == {"secrets", "config"}
    assert "pgdrift watches production. Next:" in rendered(given)["NOTES.txt"]


def test_helm_installs_what_it_packs(tmp_path: Path) -> None:
    """Without a cluster: nothing is left out of the package, and the test is a hook."""
    packed = helm.Chart.load_archive(Path(helm.package(CHART, destination=tmp_path)).read_bytes())
    given = values("everything")
    with helm.Config(namespace=NAMESPACE, storage_driver="memory") as config:
        release = config.install(packed, RELEASE, given, dry_run="client")
    made = {called(o): o for o in parsed({"all.yaml": release["manifest"]})}
    assert made == {called(o): o for o in objects("everything") if o["kind"] != "Pod"}


def test_a_name_from_outside_is_cut_to_fit() -> None:
    """A pod's label holds its StatefulSet's name with ten characters more, DNS a Service's."""
    texts = helm.Chart.load(CHART).render({}, name="a" * 53, namespace="b" * 63)
    found = parsed({name.partition("/templates/")[2]: text for name, text in texts.items()})
    assert len(one("StatefulSet", found)["metadata"]["name"]) == 52
    assert {len(s["metadata"]["name"]) for s in of_kind("Service", found)} == {52, 61}
