"""What values may be: the schema knows each of them, and says what is wrong with the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import helm_python as helm
import pytest
import yaml

from tests.chart.rendering import CHART, ROOT, rendered

# Values as somebody writes them → what is said, after the place.
BAD = {
    # names that there are not
    "replicaCount: 3": "'': additional properties 'replicaCount' not allowed",
    "image: {repo: x}": "'/image': additional properties 'repo' not allowed",
    "existingSecret: x": "'': additional properties 'existingSecret' not allowed",
    "service: {type: LoadBalancer}": "'/service': additional properties 'type' not allowed",
    # types and shapes
    "image: {pullPolicy: always}": "'/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
    "image: {tag: 1.0}": "'/image/tag': got number, want string",
    "image: {tag: a b}": "'/image/tag': 'a b' does not match pattern",
    "image: {digest: 'sha256:12'}": "'/image/digest': 'sha256:12' does not match pattern",
    "image: {repository: 'https://registry/x y'}": "'/image/repository': 'https://registry/x y' does not match pattern",
    "imagePullSecrets: [registry]": "'/imagePullSecrets/0': got string, want object",
    "fullnameOverride: Pgdrift": "'/fullnameOverride': 'Pgdrift' does not match pattern",
    "commonLabels: {a: true}": "'/commonLabels/a': got boolean, want string",
    "commonLabels: {'a b': c}": "'/commonLabels': additional properties 'a b' not allowed",
    "podLabels: {app.kubernetes.io/name: x}": "'': invalid propertyName 'app.kubernetes.io/name'",
    "reload: sometimes": "'/reload': value must be one of 'live', 'rollout'",
    "replicas: 0": "'/replicas': minimum: got 0, want 1",
    "replicas: '2'": "'/replicas': got string, want integer",
    "storeSecret: {url: 'postgresql://x'}": "'/storeSecret': additional properties 'url' not allowed",
    "config: {store: {url_file: /x}}": "'/config/store': additional properties 'url_file' not allowed",
    "persistence: {size: 1 GB}": "'/persistence/size': '1 GB' does not match pattern",
    "persistence: {accessMode: RWO}": "'/persistence/accessMode': value must be one of 'ReadWriteOnce',",
    "persistence: {enabled: 'no'}": "'/persistence/enabled': got string, want boolean",
    "persistence: {whenDeleted: null}": "'/persistence': missing property 'whenDeleted'",
    "service: {port: 70000}": "'/service/port': maximum: got 70,000, want 65,535",
    "terminationGracePeriodSeconds: 5": "'/terminationGracePeriodSeconds': minimum: got 5, want 15",
    "livenessProbe: {path: /}": "'/livenessProbe': additional properties 'path' not allowed",
    "resources: {limits: {memory: 1GB}}": "'/resources/limits/memory': '1GB' does not match pattern",
    "resources: {limit: {}}": "'/resources': additional properties 'limit' not allowed",
    "tolerations: [{effect: NoRun}]": "'/tolerations/0/effect': value must be one of 'NoSchedule',",
    "topologySpreadConstraints: [{maxSkew: 1}]": "'/topologySpreadConstraints/0': missing properties 'topologyKey', 'whenUnsatisfiable'",
    "podDisruptionBudget: {maxUnavailable: 50%}": "'/podDisruptionBudget/maxUnavailable': got string, want integer",
    "extraVolumeMounts: [{name: x, mountPath: srv}]": "'/extraVolumeMounts/0/mountPath': 'srv' does not match pattern",
    "secrets: {production: pgdrift-databases}": "'/secrets/production': got string, want object",
    "secrets: {production: {name: x}}": "'/secrets/production': missing property 'key'",
    "secrets: {a/b: {name: x, key: y}}": "'/secrets': additional properties 'a/b' not allowed",
    # what belongs together, or excludes each other
    "ingress: {enabled: true}": "'/ingress/hosts': minItems: got 0, want 1",
    "httpRoute: {enabled: true, hostnames: [a.b]}": "'/httpRoute/parentRefs': minItems: got 0, want 1",
    "serviceMonitor: {enabled: true}\npodMonitor: {enabled: true}": "'/podMonitor/enabled': value must be false",
    "serviceMonitor: {interval: 30 s}": "'/serviceMonitor/interval': '30 s' does not match pattern",
    "networkPolicy: {egress: {x: {to: [{podSelector: {}}]}}}": "'/networkPolicy/egress/x': missing property 'ports'",
    "networkPolicy: {ingress: {x: []}}": "'/networkPolicy/ingress/x': minItems: got 0, want 1",
    "networkPolicy: {ingress: {x: [{ipBlock: {cidr: 10.0.0.1}}]}}": "'/networkPolicy/ingress/x/0/ipBlock/cidr': '10.0.0.1' does not match",
    # what would weaken the pod
    "podSecurityContext: {runAsUser: 0}": "'/podSecurityContext/runAsUser': minimum: got 0, want 1",
    "podSecurityContext: {runAsNonRoot: false}": "'/podSecurityContext': additional properties 'runAsNonRoot' not allowed",
    "podSecurityContext: {seccompProfile: {type: Unconfined}}": "'/podSecurityContext/seccompProfile/type': value must be one of",
    "podSecurityContext: {seccompProfile: null}": "'/podSecurityContext': missing property 'seccompProfile'",
    "securityContext: {privileged: true}": "'': additional properties 'securityContext' not allowed",
    "extraVolumes: [{name: x, hostPath: {path: /}}]": "'/extraVolumes/0': additional properties 'hostPath' not allowed",
    "extraContainers: [{name: x, image: x, securityContext: {privileged: true}}]": "'/extraContainers/0/securityContext/privileged': value must be false",
    "extraContainers: [{name: x, image: x, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]": "'/extraContainers/0/securityContext/capabilities/add/0': value must be 'NET_BIND_SERVICE'",
    "extraContainers: [{name: x, image: x, securityContext: {runAsUser: 0}}]": "'/extraContainers/0/securityContext/runAsUser': minimum: got 0, want 1",
    # pgdrift's own settings
    "config: {environment: {}}": "'/config': additional properties 'environment' not allowed",
    "config: {environments: {a: {dns_file: /x}}}": "'/config/environments/a': additional properties 'dns_file' not allowed",
    "config: {environments: {a: {}}}": "'/config/environments/a': missing property 'dsn_file'",
    "config: {environments: {a: {dsn_file: /x, ledger: mine}}}": "'/config/environments/a/ledger': value must be one of 'auto', 'gitversion',",
    "config: {defaults: {interval: 30}}": "'/config/defaults/interval': got number, want string",
    "config: {defaults: {interval: 30 sec}}": "'/config/defaults/interval': '30 sec' does not match pattern",
    "config: {store: {url: 'sqlite:///x'}}": "'/config/store': additional properties 'url' not allowed",
    "config: {web: {listen: ':9090'}}": "'/config/web': additional properties 'listen' not allowed",
    "config: {log: {level: loud}}": "'/config/log/level': value must be one of 'debug',",
    "config: {compare: {ignore: [{object: x}]}}": "'/config/compare/ignore/0': missing property 'reason'",
    "config: {alerts: {channels: {x: {type: slak}}}}": "'/config/alerts/channels/x/type': value must be one of 'alertmanager',",
    "config: {alerts: {channels: {x: {type: slack}}}}": "'/config/alerts/channels/x': missing property 'channel'",
    "config: {alerts: {channels: {x: {type: slack, channel: x, token: xoxb-1}}}}": "'/config/alerts/channels/x': additional properties 'token' not allowed",
    "config: {alerts: {channels: {x: {type: slack_webhook, url: 'https://x'}}}}": "'/config/alerts/channels/x': additional properties 'url' not allowed",
    "config: {alerts: {channels: {x: {type: email, host: x, to: [a@b], password: x}}}}": "'/config/alerts/channels/x': additional properties 'password' not allowed",
    "config: {alerts: {routes: [{environment: x}]}}": "'/config/alerts/routes/0': missing property 'to'",
    "config: {alerts: {maintenance: [{reason: x, from: tomorrow}]}}": "'/config/alerts/maintenance/0/from': 'tomorrow' is not valid date-time",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_value_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(helm.HelmValuesError) as refused:
        rendered(helm.values_from_yaml(text))
    assert f"at {BAD[text]}" in str(refused.value)


# What no schema can see, the templates do
REFUSED = {
    "config: {environments: {a: {dsn_file: /run/secrets/pgdrift/a}}}": 'config.environments.a.dsn_file is /run/secrets/pgdrift/a: `secrets` has no "a"',
    "config: {alerts: {owners_file: /etc/pgdrift/OWNERS}}": 'config.alerts.owners_file is /etc/pgdrift/OWNERS: `files` has no "OWNERS"',
    "config: {environments: {a: {snapshot: /srv/a.json}}}": "config.environments.a.snapshot is /srv/a.json: nothing is mounted there",
    "config: {environments: {a: {dsn: x, follows: ./migrations}}}": "config.environments.a.follows is ./migrations: nothing is mounted there",
    "config: {alerts: {channels: {t: {type: slack, channel: x, token_file: /run/secrets/slack}}}}": "config.alerts.channels.t.token_file is /run/secrets/slack: nothing is mounted there",
    "files: {pgdrift.yaml: x}": "files: pgdrift.yaml is what `config` is written to",
    "extraEnv: [{name: PGDRIFT_STORE__URL, value: x}]": "extraEnv: PGDRIFT_STORE__URL is given by the chart",
    "extraEnv: [{name: PGDRIFT_STORE__URL_FILE, value: x}]": "extraEnv: PGDRIFT_STORE__URL_FILE is given by the chart",
    "replicas: 2": "replicas is 2: a SQLite store has one daemon; several share a store on a PostgreSQL server",
    "extraEnv: [{name: PGDRIFT_WEB__LISTEN, value: x}]": "extraEnv: PGDRIFT_WEB__LISTEN is given by the chart",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_does_not_fit_together_is_refused(text: str) -> None:
    with pytest.raises(helm.HelmRenderError) as refused:
        rendered(helm.values_from_yaml(text))
    assert REFUSED[text] in str(refused.value)


def test_files_may_lie_wherever_something_is_mounted() -> None:
    mounts = [{"name": "x", "mountPath": "/srv/"}, {"name": "x", "mountPath": "/run/dsn"}]
    environments = {"a": {"snapshot": "/srv/a/b.json"}, "b": {"dsn_file": "/run/dsn"}}
    given = {"config": {"environments": environments}, "extraVolumeMounts": mounts}
    assert rendered(given)
    environments["b"]["dsn_file"] = "/run/dsn-other"
    with pytest.raises(helm.HelmRenderError, match="nothing is mounted there"):
        rendered(given)


Schema = dict[str, Any]


def schema() -> Schema:
    found: Schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return found


def open_parts(node: Any, path: str = "") -> list[str]:
    """Return where a schema takes whatever it is given."""
    if isinstance(node, list):
        return [f for n, inner in enumerate(node) for f in open_parts(inner, f"{path}/{n}")]
    if not isinstance(node, dict):
        return []
    found = []
    names = node.get("properties", {}) | node.get("patternProperties", {})
    is_open = node.get("additionalProperties", True) is True and "allOf" not in node
    if node == {} or (node.get("type") == "object" and is_open):
        found.append(path)
    for key, inner in node.items():
        if key in {"properties", "patternProperties", "definitions"}:
            found += [f for n, i in inner.items() for f in open_parts(i, f"{path}/{n}")]
        elif key in {"items", "anyOf", "oneOf", "additionalProperties"}:
            found += open_parts(inner, path)
    return [f for f in found if f] if names or path else found


# What Kubernetes itself checks when it is applied: parts of its own that a user brings.
KUBERNETES = {
    "/affinity/nodeAffinity",
    "/affinity/podAffinity",
    "/affinity/podAntiAffinity",
    "/httpRoute/filters",
    "/container/lifecycle",
    "/container/startupProbe",
    "/container/livenessProbe",
    "/container/readinessProbe",
    "/variable/valueFrom",
}


def test_the_schema_leaves_nothing_open_that_is_ours() -> None:
    """An open part takes a mistyped key in silence."""
    found = set(open_parts(schema()))
    volumes = {f for f in found if f.startswith("/volume/")}
    assert found - volumes - KUBERNETES == {"/global"}  # Helm's own
    assert found >= KUBERNETES


def test_every_value_is_in_the_schema_with_its_meaning_and_its_default_is_good() -> None:
    from deploy.helm.generate import values as described

    whole = schema()
    for value in described():
        here = whole
        for key in value.path:
            here = here["properties"][key]
            if "$ref" in here and key != value.path[-1]:
                here = whole["definitions"][here["$ref"].rpartition("/")[2]]
        assert here
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert set(whole["properties"]) == {*defaults, "global"}
    helm.Chart.load(CHART).validate_schema(defaults)


def test_no_setting_that_may_be_secret_is_in_the_schema() -> None:
    from pgdrift.settings import Settings

    kept = schema()["definitions"]
    secret = {
        (name, key)
        for name, part in Settings.model_json_schema(by_alias=True)["$defs"].items()
        for key, field in part.get("properties", {}).items()
        if any(p.get("writeOnly") for p in [field, *field.get("anyOf", ())])
    }
    assert ("SlackChannel", "token") in secret
    assert len(secret) > 6
    left = {(n, k) for n, k in secret if k in kept[f"config.{n}"]["properties"]}
    assert {key for _, key in left} == {"dsn"}


def test_readme_and_schema_are_current() -> None:
    """What is not current is written anew by `make docs`."""
    checked = subprocess.run(
        [sys.executable, "deploy/helm/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr
