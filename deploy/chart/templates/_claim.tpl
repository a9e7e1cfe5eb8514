{{- /* Takes (list root component storage). */ -}}
{{- define "touchline.claim" -}}
- metadata:
    name: data
    labels:
      {{- include "touchline.selector" (list (index . 0) (index . 1)) | nindent 6 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with (index . 2).className }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests: {storage: {{ (index . 2).size }}}
{{- end }}
