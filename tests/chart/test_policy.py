"""What the chart installs is no weaker than it says, for the whole matrix; and who weakens it is found."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest

from tests.chart.policy import of_the_cluster, promises, secrets, tokens, weaknesses
from tests.chart.rendering import (
    CHART,
    SETS,
    Object,
    objects,
    one,
    parsed,
    pods,
    rendered,
    values,
)

# The one value set that asks for a token, and the one that sets everything.
ASKS = {"identity", "everything"}
# A container that somebody brings may write to its root file system, and need not have limits.
OURS = {"containers/pgdrift", "containers/test"}


@pytest.mark.parametrize("name", SETS)
def test_every_pod_is_restricted(name: str) -> None:
    found = {whose: list(weaknesses(pod)) for whose, pod in pods(objects(name))}
    assert len(found) == 2  # the daemon, and the pod of `helm test`
    assert all(faults == [] for faults in found.values()), found


@pytest.mark.parametrize("name", SETS)
def test_our_own_containers_keep_what_is_promised(name: str) -> None:
    for _, pod in pods(objects(name)):
        assert [p for p in promises(pod) if p.split(":")[0] in {*OURS, "enableServiceLinks"}] == []


@pytest.mark.parametrize("name", SETS)
def test_no_secret_is_in_clear(name: str) -> None:
    assert list(secrets(objects(name))) == []


@pytest.mark.parametrize("name", SETS)
def test_nothing_is_of_the_cluster(name: str) -> None:
    assert of_the_cluster(objects(name)) == []


@pytest.mark.parametrize("name", SETS)
def test_nobody_gets_a_token_who_has_not_asked(name: str) -> None:
    assert bool(list(tokens(objects(name)))) is (name in ASKS)


# Who weakens the chart is found out

Check = Callable[[list[Object]], list[str]]


def weak(given: list[Object]) -> list[str]:
    return [fault for _, pod in pods(given) for fault in (*weaknesses(pod), *promises(pod))]


# Of which template → what is there, what becomes of it, and which check sees that.
PLANTED: list[tuple[str, str, str, Check]] = [
    ("_helpers.tpl", "runAsNonRoot: true\n", "", weak),
    ("_helpers.tpl", "allowPrivilegeEscalation: false\n", "", weak),
    ("_helpers.tpl", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", weak),
    ("_helpers.tpl", "drop: [ALL]", "drop: [NET_RAW]", weak),
    ("statefulset.yaml", "emptyDir:\n            sizeLimit", "hostPath:\n            path", weak),
    ("statefulset.yaml", "enableServiceLinks: false", "hostNetwork: true", weak),
    ("statefulset.yaml", "containerPort: 8080", "hostPort: 8080, containerPort: 8080", weak),
    ("tests/answers.yaml", "Token: false", "Token: true", lambda o: [*tokens(o)]),
    (
        "serviceaccount.yaml",
        "{{ .Values.serviceAccount.automount }}",
        "true",
        lambda o: [*tokens(o)],
    ),
    ("service.yaml", "kind: Service\n", "kind: ClusterRole\n", of_the_cluster),
    ("configmap.yaml", "kind: ConfigMap\n", "kind: Secret\n", lambda o: [*secrets(o)]),
    ("configmap.yaml", "data:\n", "data:\n  url: a://b:c@d/e\n", lambda o: [*secrets(o)]),
]


@pytest.mark.parametrize(("template", "there", "instead", "check"), PLANTED)
def test_a_fault_that_is_planted_in_a_template_is_found(
    template: str, there: str, instead: str, check: Check, tmp_path: Path
) -> None:
    chart = shutil.copytree(CHART, tmp_path / "pgdrift")
    path = chart / "templates" / template
    text = path.read_text(encoding="utf-8")
    assert there in text
    assert check(parsed(rendered(values("minimal"), chart))) == []
    path.write_text(text.replace(there, instead, 1), encoding="utf-8")
    fresh = shutil.copytree(chart, tmp_path / "planted")
    assert check(parsed(rendered(values("minimal"), fresh))) != []


# The policy itself finds what it is for, and what no value set has

Spec = dict[str, Any]


def context(pod: Spec) -> Spec:
    found: Spec = pod["containers"][0]["securityContext"]
    return found


WEAKENED: dict[str, Callable[[Spec], object]] = {
    "hostNetwork": lambda p: p.update(hostNetwork=True),
    "hostPID": lambda p: p.update(hostPID=True),
    "hostIPC": lambda p: p.update(hostIPC=True),
    "volume host: hostPath": lambda p: p["volumes"].append({"name": "host", "hostPath": {}}),
    "sysctl kernel.msgmax": lambda p: p["securityContext"].update(
        sysctls=[{"name": "kernel.msgmax", "value": "1"}]
    ),
    "runAsNonRoot is nowhere": lambda p: p["securityContext"].pop("runAsNonRoot"),
    "runAsNonRoot": lambda p: context(p).update(runAsNonRoot=False),
    "runAsUser": lambda p: context(p).update(runAsUser=0),
    "seccompProfile is nowhere": lambda p: p["securityContext"].pop("seccompProfile"),
    "seccompProfile": lambda p: context(p).update(seccompProfile={"type": "Unconfined"}),
    "appArmorProfile": lambda p: context(p).update(appArmorProfile={"type": "Unconfined"}),
    "seLinuxOptions": lambda p: context(p).update(seLinuxOptions={"type": "spc_t"}),
    "hostProcess": lambda p: context(p).update(windowsOptions={"hostProcess": True}),
    "privileged": lambda p: context(p).update(privileged=True),
    "capabilities.drop": lambda p: context(p).pop("capabilities"),
    "capabilities.add": lambda p: context(p)["capabilities"].update(add=["SYS_ADMIN"]),
    "hostPort": lambda p: p["containers"][0]["ports"][0].update(hostPort=8080),
    "procMount": lambda p: context(p).update(procMount="Unmasked"),
    "allowPrivilegeEscalation": lambda p: context(p).pop("allowPrivilegeEscalation"),
    "livenessProbe.httpGet.host": lambda p: p["containers"][0]["livenessProbe"]["httpGet"].update(
        host="10.0.0.1"
    ),
}


@pytest.mark.parametrize("fault", WEAKENED)
def test_a_weaker_pod_is_found(fault: str) -> None:
    pod = copy.deepcopy(one("StatefulSet", objects("minimal"))["spec"]["template"]["spec"])
    assert list(weaknesses(pod)) == []
    WEAKENED[fault](pod)
    assert [w.partition("pgdrift: ")[2] or w for w in weaknesses(pod)] == [fault]


def test_a_broken_promise_is_found() -> None:
    pod = copy.deepcopy(one("StatefulSet", objects("minimal"))["spec"]["template"]["spec"])
    del context(pod)["readOnlyRootFilesystem"]
    del pod["containers"][0]["resources"]["limits"]
    del pod["enableServiceLinks"]
    assert len(list(promises(pod))) == 4


@pytest.mark.parametrize(
    "planted",
    [
        {"extraEnv": [{"name": "HTTPS_PROXY", "value": "http://pgdrift:hunter2@proxy:3128"}]},
        {"files": {"dsn": "postgresql://pgdrift:hunter2@db/shop"}},
        {"files": {"pgpass.conf": "password = hunter2"}},
        {"files": {"slack": "xoxb-1234-abcd"}},
        {"podAnnotations": {"hook": "https://hooks.slack.com/services/T0/B0/x"}},
        {"files": {"key.pem": "-----BEGIN EC " + "PRIVATE KEY-----\nMHcCAQEE\n"}},
    ],
    ids=str,
)
def test_a_planted_secret_is_found(planted: dict[str, Any]) -> None:
    assert list(secrets(parsed(rendered(planted))))


@pytest.mark.parametrize(
    "name",
    [
        "PGPASSWORD",
        "PGDRIFT_ENVIRONMENTS__PRODUCTION__DSN",
        "PGDRIFT_ALERTS__CHANNELS__TEAM__URL",
        "AWS_SECRET_ACCESS_KEY",
    ],
)
@pytest.mark.parametrize("where", ["extraEnv", "initContainers", "extraContainers"])
def test_a_secret_in_a_variable_is_refused_and_not_repeated(name: str, where: str) -> None:
    variables = [{"name": name, "value": "hunter2"}]
    container = {"name": "x", "image": "x", "env": variables}
    with pytest.raises(helm.HelmValuesError) as refused:
        rendered({where: variables if where == "extraEnv" else [container]})
    assert "missing property 'valueFrom'" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_secret_in_a_variable_would_be_found() -> None:
    given = copy.deepcopy(objects("minimal"))
    pod = one("StatefulSet", given)["spec"]["template"]["spec"]
    pod["containers"][0]["env"].append({"name": "PGPASSWORD", "value": "hunter2"})
    assert list(secrets(given)) == ["StatefulSet pgdrift: containers/pgdrift: PGPASSWORD"]


def test_a_secret_object_is_found() -> None:
    secret: Object = {"kind": "Secret", "metadata": {"name": "x"}, "stringData": {}}
    role: Object = {"kind": "ClusterRole", "metadata": {"name": "x"}}
    assert list(secrets([secret])) == ["Secret x"]
    assert of_the_cluster([secret, role]) == ["Secret x", "ClusterRole x"]


def test_a_password_in_a_url_of_the_configuration_is_refused_and_not_repeated() -> None:
    for dsn in (
        "postgresql://pgdrift:hunter2@db/shop",
        "postgresql://pgdrift@db/shop?password=hunter2",
        "host=db user=pgdrift password=hunter2",
    ):
        given = {"config": {"environments": {"production": {"dsn": dsn}}}}
        with pytest.raises(helm.HelmRenderError) as refused:
            rendered(given)
        assert "config.environments.production.dsn holds a password" in str(refused.value)
        assert "hunter2" not in str(refused.value)


def test_no_template_makes_a_secret_or_a_right() -> None:
    for template in (CHART / "templates").rglob("*"):
        text = template.read_text(encoding="utf-8") if template.is_file() else ""
        for kind in ("Secret", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"):
            assert f"kind: {kind}\n" not in text, template


def test_containers_that_somebody_brings_get_our_security_context() -> None:
    pod = one("StatefulSet", objects("sidecars"))["spec"]["template"]["spec"]
    ours = context(pod)
    assert pod["initContainers"][0]["securityContext"] == ours != {}
    theirs = pod["containers"][1]["securityContext"]
    assert theirs == {**ours, "runAsUser": 65532, "readOnlyRootFilesystem": False}


def test_secrets_are_mounted_as_files_that_only_the_group_can_read() -> None:
    pod = one("StatefulSet", objects("production"))["spec"]["template"]["spec"]
    (volume,) = [v["projected"] for v in pod["volumes"] if v["name"] == "secrets"]
    assert volume["defaultMode"] == 0o440
    found = {s["secret"]["items"][0]["path"]: s["secret"] for s in volume["sources"]}
    for file, source in values("production")["secrets"].items():
        assert found[file]["name"] == source["name"]
        assert found[file]["items"] == [{"key": source["key"], "path": file}]
    mounts = {m["name"]: m for m in pod["containers"][0]["volumeMounts"]}
    assert mounts["secrets"] == {
        "name": "secrets",
        "mountPath": "/run/secrets/pgdrift",
        "readOnly": True,
    }
    assert "subPath" not in mounts["config"]
