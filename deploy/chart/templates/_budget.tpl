{{- /* Where there is more than one, a drained machine takes one at a time. Takes (list root name replicas). */ -}}
{{- define "touchline.budget" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- if gt (int (index . 2)) 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "touchline.fullname" $root }}-{{ $name }}
  labels:
    {{- include "touchline.labels" (list $root $name) | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "touchline.selector" (list $root $name) | nindent 6 }}
{{- end }}
{{- end }}
