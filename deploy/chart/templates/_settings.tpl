{{- define "touchline.bootstrap" -}}
{{- $named := ((.Values.settings).kafka).bootstrap -}}
{{- if and .Values.kafka.enabled $named -}}
{{- fail "two Kafkas: settings.kafka.bootstrap names yours, so set kafka.enabled to false (or leave the address out, for the one in this chart)" -}}
{{- else if .Values.kafka.enabled -}}
{{ include "touchline.fullname" . }}-kafka.{{ .Release.Namespace }}.svc:9092
{{- else -}}
{{ required "set settings.kafka.bootstrap to the address of your brokers, or kafka.enabled to true for one in this chart" $named }}
{{- end -}}
{{- end }}

{{- define "touchline.clickhouse" -}}
{{- $warehouse := ((.Values.settings).warehouse) | default dict -}}
{{- if and .Values.clickhouse.enabled $warehouse.host -}}
{{- fail "two ClickHouses: settings.warehouse.host names yours, so set clickhouse.enabled to false (or leave the address out, for the one in this chart)" -}}
{{- else if .Values.clickhouse.enabled -}}
{{- if ne (default "touchline" $warehouse.database) "touchline" -}}
{{- fail "settings.warehouse.database: users of the ClickHouse in this chart have rights on the database touchline alone" -}}
{{- end -}}
{{ include "touchline.fullname" . }}-clickhouse.{{ .Release.Namespace }}.svc
{{- else -}}
{{ required "set settings.warehouse.host to the address of your ClickHouse, or clickhouse.enabled to true for one in this chart" $warehouse.host }}
{{- end -}}
{{- end }}

{{- /* Where a folder of rules, policies or texts comes from: a name, or nothing. Takes (list root what). */ -}}
{{- define "touchline.folder" -}}
{{- $root := index . 0 -}}{{- $what := index . 1 -}}{{- $given := index $root.Values $what -}}
{{- if and $given.configMap $given.files -}}
{{- fail (printf "%s: give files or the name of a ConfigMap, not both" $what) -}}
{{- else if $given.files -}}
{{ include "touchline.fullname" $root }}-{{ $what }}
{{- else -}}
{{ $given.configMap }}
{{- end -}}
{{- end }}

{{- /* touchline.yaml: what the operator set, and what the chart knows better. */ -}}
{{- define "touchline.settings" -}}
{{- $kafka := dict "bootstrap" (include "touchline.bootstrap" .) "replication" (ternary 1 3 .Values.kafka.enabled) -}}
{{- if .Values.kafkaCa.secret -}}
{{- $_ := set $kafka "ca_file" (printf "/touchline/ca/%s" .Values.kafkaCa.key) -}}
{{- end -}}
{{- $own := dict "kafka" $kafka "warehouse" (dict "host" (include "touchline.clickhouse" .)) -}}
{{- $settings := merge (deepCopy (.Values.settings | default dict)) $own -}}
{{- $fixed := dict "runtime" (dict "http_host" "0.0.0.0" "http_port" 8000) "api" (dict "host" "0.0.0.0" "port" 8090) -}}
{{- $settings = mergeOverwrite $settings $fixed -}}
{{- range $what, $path := dict "rules" (list "journey" "rules") "policies" (list "outreach" "policies") "texts" (list "outreach" "texts") -}}
{{- if include "touchline.folder" (list $ $what) -}}
{{- $section := get $settings (first $path) | default dict -}}
{{- $_ := set $section (last $path) (append (get $section (last $path) | default list) (printf "/touchline/%s" $what)) -}}
{{- $_ := set $settings (first $path) $section -}}
{{- end -}}
{{- end -}}
{{ toYaml $settings }}
{{- end }}

{{- /* The names that stand in the settings as ${NAME}, one a line. */ -}}
{{- define "touchline.named" -}}
{{- $found := list -}}
{{- range regexFindAll "\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}" (include "touchline.settings" .) -1 -}}
{{- $found = append $found (. | trimPrefix "${" | trimSuffix "}") -}}
{{- end -}}
{{ $found | uniq | sortAlpha | join "\n" }}
{{- end }}

{{- /* A variable from a key of the Secret. Takes (list root name key). */ -}}
{{- define "touchline.fromSecret" -}}
{{- $root := index . 0 -}}{{- $key := index . 2 -}}
{{- if and $root.Values.secrets.values (not (hasKey $root.Values.secrets.values $key)) -}}
{{- fail (printf "secrets.values: %s is missing" $key) -}}
{{- end -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ include "touchline.secret" $root }}
      key: {{ $key }}
{{- end }}

{{- /* What the settings name, from the Secret unless the operator says where from; then what the operator adds.
       Takes (list root env). */ -}}
{{- define "touchline.env" -}}
{{- $root := index . 0 -}}{{- $given := index . 1 | default list -}}
{{- $known := list -}}
{{- range $given -}}{{- $known = append $known .name -}}{{- end -}}
{{- range splitList "\n" (include "touchline.named" $root) -}}
{{- if and . (not (has . $known)) }}
{{ include "touchline.fromSecret" (list $root . .) }}
{{- end -}}
{{- end }}
{{- with $given }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Seconds, rounded up, of a length of time as settings write it: 10s, 1m30s. */ -}}
{{- define "touchline.seconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 -}}
{{- $length := 0.0 -}}
{{- range regexFindAll "[0-9]+(\\.[0-9]+)?\\s*(ms|s|m|h|d)" . -1 -}}
{{- $length = addf $length (mulf (regexFind "^[0-9.]+" . | float64) (get $units (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{ divf $length 1000 | ceil | int }}
{{- end }}
