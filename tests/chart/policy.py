"""Objects in, what a platform team would refuse out: weak pods, secrets in clear, wide rights.

For pods this is the profile `restricted` of Kubernetes' Pod Security Standards, field by field in
their order, the profile `baseline` within it; then what the chart promises beyond.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tests.chart.rendering import Object, called, pods

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}
SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
SECCOMP = {"RuntimeDefault", "Localhost"}
NAMESPACED = {
    "ConfigMap",
    "HTTPRoute",
    "Ingress",
    "NetworkPolicy",
    "Pod",
    "PodDisruptionBudget",
    "PodMonitor",
    "PrometheusRule",
    "Service",
    "ServiceAccount",
    "ServiceMonitor",
    "StatefulSet",
}


def containers(pod: Object) -> Iterator[tuple[str, Object]]:
    for key in ("initContainers", "containers", "ephemeralContainers"):
        yield from ((f"{key}/{c['name']}", c) for c in pod.get(key, ()))


def weaknesses(pod: Object) -> Iterator[str]:
    """Give every field of a pod that `restricted` would refuse."""
    whole = pod.get("securityContext", {})
    yield from _of_the_pod(pod, whole)
    for name, container in containers(pod):
        of_container = _of_the_container(container, container.get("securityContext", {}), whole)
        yield from (f"{name}: {fault}" for fault in of_container)


def _of_the_pod(pod: Object, context: Object) -> Iterator[str]:
    yield from (key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key))
    for volume in pod.get("volumes", ()):
        if kinds := set(volume) - {"name"} - VOLUMES:
            yield f"volume {volume['name']}: {', '.join(kinds)}"
    yield from _of_both(context)
    yield from (
        f"sysctl {s['name']}" for s in context.get("sysctls", ()) if s["name"] not in SYSCTLS
    )
    yield from (
        f"annotation of AppArmor: {value}"
        for key, value in pod.get("annotations", {}).items()
        if "apparmor" in key and not re.match(r"runtime/default|localhost/", value)
    )


def _of_both(context: Object) -> Iterator[str]:
    """Give what may stand in either securityContext."""
    if context.get("windowsOptions", {}).get("hostProcess"):
        yield "hostProcess"
    labels = context.get("seLinuxOptions", {})
    if labels.get("type", "") not in SELINUX or labels.get("user") or labels.get("role"):
        yield "seLinuxOptions"
    if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in SECCOMP:
        yield "appArmorProfile"
    if context.get("seccompProfile", {}).get("type", "RuntimeDefault") not in SECCOMP:
        yield "seccompProfile"
    if context.get("runAsNonRoot", True) is not True:
        yield "runAsNonRoot"
    if context.get("runAsUser") == 0:
        yield "runAsUser"


def _of_the_container(container: Object, context: Object, pod: Object) -> Iterator[str]:
    yield from _of_both(context)
    if context.get("privileged"):
        yield "privileged"
    capabilities = context.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", ()):
        yield "capabilities.drop"
    if set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield "capabilities.add"
    yield from ("hostPort" for p in container.get("ports", ()) if p.get("hostPort"))
    if context.get("procMount", "Default") != "Default":
        yield "procMount"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if not (context.get("runAsNonRoot") or pod.get("runAsNonRoot")):
        yield "runAsNonRoot is nowhere"
    if not (context.get("seccompProfile") or pod.get("seccompProfile")):
        yield "seccompProfile is nowhere"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if container.get(probe, {}).get("httpGet", {}).get("host"):
            yield f"{probe}.httpGet.host"


def promises(pod: Object) -> Iterator[str]:
    """Give where a container of the chart's own is weaker than the chart says it is."""
    for name, container in containers(pod):
        context = container.get("securityContext", {})
        if context.get("readOnlyRootFilesystem") is not True:
            yield f"{name}: readOnlyRootFilesystem"
        if not {"requests", "limits"} <= set(container.get("resources", {})):
            yield f"{name}: resources"
        if "memory" not in container.get("resources", {}).get("limits", {}):
            yield f"{name}: no limit of memory"
    if pod.get("enableServiceLinks") is not False:
        yield "enableServiceLinks"


def tokens(given: list[Object]) -> Iterator[str]:
    """Give who gets a token of Kubernetes: by default, or by a volume."""
    for name, pod in pods(given):
        if pod.get("automountServiceAccountToken") is not False:
            yield name
        for volume in pod.get("volumes", ()):
            sources = volume.get("projected", {}).get("sources", ())
            yield from (f"{name}: {volume['name']}" for s in sources if "serviceAccountToken" in s)
    for found in given:
        if (
            found["kind"] == "ServiceAccount"
            and found.get("automountServiceAccountToken") is not False
        ):
            yield called(found)


def of_the_cluster(given: list[Object]) -> list[str]:
    """Return what is not known to belong to one namespace, or belongs to another."""
    return [called(o) for o in given if o["kind"] not in NAMESPACED]


# As they are written by those who give them out, or as a URL holds them.
_SECRETS = re.compile(
    r"""
      [a-z][a-z0-9+.-]*://[^/\s:@"']*:[^/\s@"']+@      # user:password@
    | \bpassword\s*[=:]\s*[^\s"',&{}]+
    | \bxox[a-z]-\S+ | \bxapp-\S+
    | hooks\.slack\.com/services/\S+
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
    | \beyJ[A-Za-z0-9_-]{10,}\.
    """,
    re.VERBOSE | re.IGNORECASE,
)


_CALLED_SECRET = re.compile(
    r"(PASSWORD|PASSWD|TOKEN|SECRET|(API|ACCESS|PRIVATE)_KEY|_DSN)$", re.IGNORECASE
)


def secrets(given: list[Object]) -> Iterator[str]:
    """Give where a secret stands in clear; and any Secret, for the chart makes none."""
    for whose, pod in pods(given):
        for name, container in containers(pod):
            for variable in container.get("env", ()):
                if _CALLED_SECRET.search(variable["name"]) and "value" in variable:
                    yield f"{whose}: {name}: {variable['name']}"
    for found in given:
        if found["kind"] == "Secret":
            yield called(found)
        for text in _texts(found):
            if _SECRETS.search(text):
                yield f"{called(found)}: {text[:20]}…"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner)
            if isinstance(inner, str | int):
                yield f"{key}: {inner}"
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
    else:
        yield json.dumps(value)
