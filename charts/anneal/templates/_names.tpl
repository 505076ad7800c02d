{{/* Beginning of every name. 40 characters leave room for the longest ending. */}}
{{- define "anneal.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains "anneal" .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-anneal" .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* Name of a part: (list $ "operator"). */}}
{{- define "anneal.name" -}}
{{ include "anneal.fullname" (index . 0) }}-{{ index . 1 }}
{{- end }}

{{/* Labels by which the pods of a part are found; they never change. (list $ "operator") */}}
{{- define "anneal.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Values.nameOverride | default $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "anneal.labels" -}}
{{- $root := index . 0 -}}
{{ include "anneal.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: anneal
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "anneal.metadata" -}}
name: {{ include "anneal.name" . }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "anneal.labels" . | nindent 2 }}
{{- end }}

{{/* (list $ .Values.operator.image) */}}
{{- define "anneal.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* (list $ "operator" .Values.operator.serviceAccount) */}}
{{- define "anneal.serviceAccountName" -}}
{{- $account := index . 2 -}}
{{- if $account.name -}}
{{ $account.name }}
{{- else if $account.create -}}
{{ include "anneal.name" . }}
{{- else -}}
default
{{- end -}}
{{- end }}

{{- define "anneal.serviceAccount" -}}
{{- $account := index . 2 -}}
{{- if $account.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "anneal.serviceAccountName" . }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    {{- include "anneal.labels" . | nindent 4 }}
  {{- with $account.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end }}

{{/* The chart runs a NATS of its own: a word, or nothing. */}}
{{- define "anneal.ownNats" -}}
{{- if and .Values.bus.enabled (not .Values.bus.url) }}true{{ end -}}
{{- end }}

{{/* Connections are judged by the responder: a word, or nothing. */}}
{{- define "anneal.perJobAuth" -}}
{{- if and (include "anneal.ownNats" .) (eq .Values.bus.auth.mode "PerJob") }}true{{ end -}}
{{- end }}

{{/* The NATS of the chart speaks TLS: a word, or nothing. */}}
{{- define "anneal.ownTls" -}}
{{- if and (include "anneal.ownNats" .) (not .Values.nats.tls.plainText) }}true{{ end -}}
{{- end }}

{{- define "anneal.tlsSecretName" -}}
{{ .Values.nats.tls.secretName | default (include "anneal.name" (list . "nats-tls")) }}
{{- end }}

{{- define "anneal.natsHost" -}}
{{ include "anneal.name" (list . "nats") }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}

{{- define "anneal.natsUrl" -}}
{{- if .Values.bus.url -}}
{{ .Values.bus.url }}
{{- else -}}
{{ if include "anneal.ownTls" . }}tls{{ else }}nats{{ end }}://{{ include "anneal.natsHost" . }}:4222
{{- end -}}
{{- end }}
