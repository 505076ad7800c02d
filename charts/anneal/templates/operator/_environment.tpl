{{/* Variables of the operator, by the names of operator/config.ts. */}}
{{- define "anneal.operatorEnvironment" -}}
- name: ANNEAL_POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: ANNEAL_POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: ANNEAL_LEASE_NAME
  value: {{ include "anneal.name" (list . "operator") }}
- name: ANNEAL_LOG_LEVEL
  value: {{ .Values.operator.logLevel }}
- name: ANNEAL_HEALTH_PORT
  value: "8080"
- name: ANNEAL_RECONCILERS
  value: {{ .Values.operator.reconcilers | quote }}
{{- with .Values.operator.namespaces }}
- name: ANNEAL_NAMESPACES
  value: {{ join "," . }}
{{- end }}
- name: ANNEAL_WORKER_IMAGE
  value: {{ include "anneal.image" (list . .Values.jobs.image) }}
- name: ANNEAL_WORKER_PULL_POLICY
  value: {{ .Values.jobs.image.pullPolicy }}
{{- with .Values.jobs.hubEndpoint }}
- name: ANNEAL_HUB_ENDPOINT
  value: {{ . | quote }}
{{- end }}
- name: ANNEAL_DEVICES
  value: {{ include "anneal.devices" . | quote }}
- name: ANNEAL_POD_RESOURCES
  value: {{ toJson .Values.jobs.resources | quote }}
{{- with .Values.monitoring.namespace }}
- name: ANNEAL_MONITORING_NAMESPACE
  value: {{ . }}
{{- end }}
{{- with .Values.networkPolicies.nameServers }}
- name: ANNEAL_NAME_SERVERS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.traces.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.traces.namespace }}
- name: ANNEAL_TRACES_NAMESPACE
  value: {{ . }}
{{- end }}
{{- include "anneal.operatorFeatures" . }}
{{- if .Values.bus.enabled }}
{{- include "anneal.operatorBus" . }}
{{- end }}
{{- end }}

{{- define "anneal.devices" -}}
{{- $image := .Values.jobs.devices.image }}
{{- $tag := $image.tag | default (printf "%s-cuda" .Chart.AppVersion) }}
{{- $name := include "anneal.image" (list . (dict "repository" $image.repository "tag" $tag "digest" $image.digest)) }}
{{- merge (dict "image" $name "pullPolicy" $image.pullPolicy) (omit .Values.jobs.devices "image") | toJson }}
{{- end }}

{{- define "anneal.operatorFeatures" }}
{{- $on := list }}
{{- range tuple "volumeClaimTemplate" "forceReplace" "deleteFinishedJobs" "kueueStatus" "deviceLabels" "adapterServers" "federations" "trainingPools" }}
{{- if index $.Values.features . }}{{ $on = append $on . }}{{ end }}
{{- end }}
- name: ANNEAL_FEATURES
  value: {{ join "," $on | quote }}
- name: ANNEAL_GANGS
  value: {{ join "," .Values.features.gangs | quote }}
- name: ANNEAL_COSCHEDULING_SCHEDULER
  value: {{ .Values.features.coschedulingScheduler }}
{{- end }}

{{- define "anneal.operatorBus" }}
- name: ANNEAL_NATS_URL
  value: {{ include "anneal.natsUrl" . | quote }}
{{- if include "anneal.ownNats" . }}
- name: ANNEAL_WORKER_NATS_NAMESPACE
  value: {{ .Release.Namespace }}
{{- else if .Values.bus.namespace }}
- name: ANNEAL_WORKER_NATS_NAMESPACE
  value: {{ .Values.bus.namespace }}
{{- end }}
- name: ANNEAL_NATS_REPLICAS
  value: {{ include "anneal.streamReplicas" . | quote }}
{{- if include "anneal.perJobAuth" . }}
- name: ANNEAL_NATS_TOKEN_FILE
  value: /var/run/secrets/anneal.dev/bus-token
{{- end }}
{{- if include "anneal.ownTls" . }}
- name: ANNEAL_NATS_CA_FILE
  value: /etc/nats-ca/ca.crt
{{- end }}
{{- end }}

{{- define "anneal.streamReplicas" -}}
{{- if .Values.bus.streamReplicas -}}
{{ .Values.bus.streamReplicas }}
{{- else if include "anneal.ownNats" . -}}
{{ min 3 (int .Values.nats.replicas) }}
{{- else -}}
1
{{- end -}}
{{- end }}
