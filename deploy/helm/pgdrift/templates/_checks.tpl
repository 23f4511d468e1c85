{{/*
What no schema can see: each file that the configuration names has to lie where something is mounted,
and no password may stand in a URL. Says what is wrong and never the value.
*/}}
{{- define "pgdrift.check" -}}
{{- include "pgdrift.checkPart" (dict "root" . "at" "config" "part" .Values.config) }}
{{- if and (gt (int .Values.replicas) 1) (not .Values.storeSecret.name) }}
{{- printf "replicas is %d: a SQLite store has one daemon; several share a store on a PostgreSQL server, whose URL is in storeSecret" (int .Values.replicas) | fail }}
{{- end }}
{{- if hasKey .Values.files "pgdrift.yaml" }}{{ fail "files: pgdrift.yaml is what `config` is written to" }}{{ end }}
{{- range .Values.extraEnv }}
{{- if has .name (list "PGDRIFT_CONFIG" "PGDRIFT_STORE__URL" "PGDRIFT_STORE__URL_FILE" "PGDRIFT_WEB__LISTEN") }}
{{- printf "extraEnv: %s is given by the chart, which mounts and exposes what it names" .name | fail }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pgdrift.checkPart" -}}
{{- if kindIs "map" .part }}
{{- range $key, $value := .part }}
{{- $at := printf "%s.%s" $.at $key }}
{{- if and (eq $key "dsn") (kindIs "string" $value) (regexMatch "(?i)://[^/@]*:[^/@]*@|password=" $value) }}
{{- printf "%s holds a password: put the whole URL into a Secret, name it under `secrets`, and give dsn_file" $at | fail }}
{{- end }}
{{- $names := or (hasSuffix "_file" $key) (eq $key "snapshot") (and (eq $key "follows") (contains "/" (toString $value))) }}
{{- if and $names (kindIs "string" $value) }}
{{- include "pgdrift.checkPath" (dict "root" $.root "at" $at "path" $value) }}
{{- end }}
{{- include "pgdrift.checkPart" (dict "root" $.root "at" $at "part" $value) }}
{{- end }}
{{- else if kindIs "slice" .part }}
{{- range $number, $value := .part }}
{{- include "pgdrift.checkPart" (dict "root" $.root "at" (printf "%s[%d]" $.at $number) "part" $value) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pgdrift.checkPath" -}}
{{- $values := .root.Values }}
{{- $name := base .path }}
{{- $under := list "/var/lib/pgdrift" "/tmp" }}
{{- range $values.extraVolumeMounts }}{{ $under = append $under .mountPath }}{{ end }}
{{- $known := false }}
{{- range $under }}{{ $known = or $known (hasPrefix (printf "%s/" (trimSuffix "/" .)) $.path) (eq . $.path) }}{{ end }}
{{- if not $known }}
{{- if eq (dir .path) "/run/secrets/pgdrift" }}
{{- if not (hasKey $values.secrets $name) }}
{{- printf "%s is %s: `secrets` has no %q, which would put that file there" .at .path $name | fail }}
{{- end }}
{{- else if eq (dir .path) "/etc/pgdrift" }}
{{- if not (hasKey $values.files $name) }}
{{- printf "%s is %s: `files` has no %q, which would put that file there" .at .path $name | fail }}
{{- end }}
{{- else }}
{{- printf "%s is %s: nothing is mounted there; files of `secrets` are in /run/secrets/pgdrift, those of `files` in /etc/pgdrift, others where extraVolumeMounts say" .at .path | fail }}
{{- end }}
{{- end }}
{{- end }}
