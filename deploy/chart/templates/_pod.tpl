{{- /* The pod of an agent or of the API. Takes root, name, conf, args, needs (of the setup), port (of the probes),
       env (a rendered list), patience (seconds before SIGTERM). */ -}}
{{- define "touchline.pod" -}}
{{- $root := .root -}}{{- $conf := .conf -}}
metadata:
  labels:
    {{- include "touchline.labels" (list $root .name) | nindent 4 }}
    {{- with $conf.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Rules, policies and texts are not among it: they are taken over while the agents run.
    checksum/settings: {{ include "touchline.settings" $root | sha256sum }}
    {{- with $root.Values.secrets.values }}
    checksum/secrets: {{ toYaml . | sha256sum }}
    {{- end }}
    {{- if $root.Values.metrics.annotations }}
    prometheus.io/scrape: "true"
    prometheus.io/port: "8000"
    prometheus.io/path: /metrics
    {{- end }}
    {{- with $conf.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "touchline.serviceAccount" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  # The batch in hand has runtime.drain to be committed; leaving the group and the connections take seconds more.
  terminationGracePeriodSeconds: {{ add (include "touchline.seconds" (dig "runtime" "drain" "10s" $root.Values.settings)) 10 .patience }}
  {{- with $conf.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $conf.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $conf.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $conf.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $conf.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $conf.topologySpread }}
  topologySpreadConstraints:
    {{- range . }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "touchline.selector" (list $root $.name) | nindent 10 }}
    {{- end }}
  {{- end }}
  initContainers:
    # Until the setup Job has made topics and tables for this version.
    - name: wait
      image: {{ include "touchline.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [python, /etc/touchline/wait.py, {{ join ", " .needs }}]
      {{- with .env }}
      env:
        {{- . | nindent 8 }}
      {{- end }}
      resources:
        requests: {cpu: 50m, memory: 128Mi}
        limits: {memory: 512Mi}
      securityContext:
        {{- toYaml $conf.securityContext | nindent 8 }}
      volumeMounts:
        {{- include "touchline.mounts" (list $root $conf) | nindent 8 }}
  containers:
    - name: {{ .name }}
      image: {{ include "touchline.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [{{ join ", " .args }}]
      {{- with .env }}
      env:
        {{- . | nindent 8 }}
      {{- end }}
      ports:
        - {name: metrics, containerPort: 8000}
        {{- if eq .port "http" }}
        - {name: http, containerPort: 8090}
        {{- end }}
      {{- if .patience }}
      lifecycle:
        # Until nobody is sent here any more.
        preStop: {exec: {command: [sleep, {{ .patience | quote }}]}}
      {{- end }}
      startupProbe:
        httpGet: {path: /livez, port: {{ .port }}}
        periodSeconds: 3
        timeoutSeconds: 3
        failureThreshold: 40
      # Patient: a worker that is stuck ends itself (runtime.stuck_after), and says why.
      livenessProbe:
        httpGet: {path: /livez, port: {{ .port }}}
        periodSeconds: 20
        timeoutSeconds: 10
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: {{ .port }}}
        periodSeconds: 10
        timeoutSeconds: 5
      resources:
        {{- toYaml $conf.resources | nindent 8 }}
      securityContext:
        {{- toYaml $conf.securityContext | nindent 8 }}
      volumeMounts:
        {{- include "touchline.mounts" (list $root $conf) | nindent 8 }}
  volumes:
    {{- include "touchline.volumes" (list $root $conf) | nindent 4 }}
{{- end }}

{{- /* Takes (list root conf). */ -}}
{{- define "touchline.mounts" -}}
{{- $root := index . 0 -}}
- {name: settings, mountPath: /etc/touchline, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- range list "rules" "policies" "texts" }}
{{- if include "touchline.folder" (list $root .) }}
- {name: {{ . }}, mountPath: /touchline/{{ . }}, readOnly: true}
{{- end }}
{{- end }}
{{- if $root.Values.kafkaCa.secret }}
- {name: kafka-ca, mountPath: /touchline/ca, readOnly: true}
{{- end }}
{{- with (index . 1).extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Takes (list root conf). */ -}}
{{- define "touchline.volumes" -}}
{{- $root := index . 0 -}}
- name: settings
  configMap: {name: {{ include "touchline.fullname" $root }}-settings}
- name: tmp
  emptyDir: {}
{{- range $what := list "rules" "policies" "texts" }}
{{- with include "touchline.folder" (list $root $what) | trim }}
- name: {{ $what }}
  configMap: {name: {{ . }}}
{{- end }}
{{- end }}
{{- if $root.Values.kafkaCa.secret }}
- name: kafka-ca
  secret: {secretName: {{ $root.Values.kafkaCa.secret }}}
{{- end }}
{{- with (index . 1).extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* What all have in common, with what one says otherwise. Takes (list root own). */ -}}
{{- define "touchline.conf" -}}
{{- toYaml (merge (deepCopy (index . 1 | default dict)) (deepCopy (index . 0).Values.workers)) -}}
{{- end }}
