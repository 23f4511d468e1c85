{{- define "pgdrift.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* 52: what Kubernetes appends to a StatefulSet's name still fits into a label, and -headless here. */}}
{{- define "pgdrift.fullname" -}}
{{- $name := include "pgdrift.name" . }}
{{- $both := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $both .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "pgdrift.instanceLabels" -}}
app.kubernetes.io/name: {{ include "pgdrift.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What selects the daemon's pods: for ever the same, and not the pod of `helm test`. */}}
{{- define "pgdrift.selectorLabels" -}}
{{ include "pgdrift.instanceLabels" . }}
app.kubernetes.io/component: daemon
{{- end }}

{{- define "pgdrift.labels" -}}
{{ include "pgdrift.instanceLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The metadata of every object. In: root, and if need be name or suffix, labels, annotations. */}}
{{- define "pgdrift.metadata" -}}
name: {{ .name | default (include "pgdrift.fullname" .root) }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "pgdrift.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with mergeOverwrite (dict) .root.Values.commonAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pgdrift.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (ternary (include "pgdrift.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "pgdrift.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* The profile `restricted` of Kubernetes, with what may be chosen within it. */}}
{{- define "pgdrift.podSecurityContext" -}}
runAsNonRoot: true
{{- range $key, $value := .Values.podSecurityContext }}
{{- if $value }}
{{ dict $key $value | toYaml }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pgdrift.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Containers as somebody gave them, with our securityContext beneath their own. In: root, containers. */}}
{{- define "pgdrift.containers" -}}
{{- $ours := dict "securityContext" (include "pgdrift.securityContext" .root | fromYaml) }}
{{- range .containers }}
- {{ mergeOverwrite (deepCopy $ours) . | toYaml | nindent 2 | trim }}
{{- end }}
{{- end }}

{{/* Where people open the page, if the chart knows. */}}
{{- define "pgdrift.publicUrl" -}}
{{- with .Values.ingress }}
{{- if and .enabled .hosts }}{{ ternary "https" "http" (not (empty .tls)) }}://{{ first .hosts }}{{ end }}
{{- end }}
{{- with .Values.httpRoute }}
{{- if and .enabled .hostnames (not $.Values.ingress.enabled) }}https://{{ first .hostnames }}{{ end }}
{{- end }}
{{- end }}

{{/* What pgdrift reads: config, and what the chart knows better, because it mounts and exposes it. */}}
{{- define "pgdrift.config" -}}
{{- $web := dict "listen" ":8080" }}
{{- with include "pgdrift.publicUrl" . }}{{ $_ := set $web "public_url" . }}{{ end }}
{{- $store := dict "url" "sqlite:////var/lib/pgdrift/pgdrift.db" }}
{{- if .Values.storeSecret.name }}{{ $store = dict "url_file" "/run/secrets/pgdrift-store/url" }}{{ end }}
{{- $ours := dict "store" $store "web" $web }}
{{- mergeOverwrite $ours (deepCopy .Values.config) | toYaml }}
{{- end }}

{{/* How pods are spread: as somebody said, or several of them over nodes, where that can be had. */}}
{{- define "pgdrift.spread" -}}
{{- if .Values.topologySpreadConstraints }}
{{- toYaml .Values.topologySpreadConstraints }}
{{- else if gt (int .Values.replicas) 1 }}
- {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway}
{{- end }}
{{- end }}

{{/* How ServiceMonitor and PodMonitor scrape. In: the values of one of them. */}}
{{- define "pgdrift.scrape" -}}
port: http
path: /metrics
# A label of the target, as environment, must not take the place of ours: no rule would match.
honorLabels: true
{{- range $key := list "interval" "scrapeTimeout" "relabelings" "metricRelabelings" }}
{{- with get $ $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- end }}
