{{/* Common to every pod of the chart; the "restricted" profile of Pod Security. */}}
{{- define "anneal.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "anneal.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/*
Labels and annotations of the pods of a part: (list $ "operator" .Values.operator). Without the version of the chart: a release that
changes nothing about a pod must not restart it.
*/}}
{{- define "anneal.podMetadata" -}}
{{- $part := index . 2 -}}
labels:
  {{- include "anneal.selector" . | nindent 2 }}
  {{- with merge (dict) $part.podLabels (index . 0).Values.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $part.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where the pods of a part go: (list $ "operator" .Values.operator) */}}
{{- define "anneal.placement" -}}
{{- $part := index . 2 -}}
{{- with (index . 0).Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
  {{- if $part.affinity }}
  {{- toYaml $part.affinity | nindent 2 }}
  {{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "anneal.selector" . | nindent 14 }}
  {{- end }}
{{- end }}

{{/* (list $ "operator" .Values.operator) */}}
{{- define "anneal.podDisruptionBudget" -}}
{{- $budget := (index . 2).podDisruptionBudget -}}
{{- if $budget.enabled -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "anneal.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ $budget.maxUnavailable }}
  # A pod that is not ready protects nothing, and must not hold up a drain.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "anneal.selector" . | nindent 6 }}
{{- end }}
{{- end }}

{{/* The certificate authority of the bus, and nothing else of its Secret. */}}
{{- define "anneal.busAuthorityMount" -}}
- name: bus-authority
  mountPath: /etc/nats-ca
  readOnly: true
{{- end }}

{{- define "anneal.busAuthorityVolume" -}}
- name: bus-authority
  secret:
    secretName: {{ include "anneal.tlsSecretName" . }}
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
