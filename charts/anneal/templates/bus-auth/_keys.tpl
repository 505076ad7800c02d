{{- define "anneal.keysSecretName" -}}
{{ .Values.bus.auth.keysSecretName | default (include "anneal.name" (list . "bus-keys")) }}
{{- end }}

{{/* The seed of all keys; only the responder and the init container of NATS see it. */}}
{{- define "anneal.seedVariable" -}}
- name: ANNEAL_BUS_SEED
  valueFrom:
    secretKeyRef:
      name: {{ include "anneal.keysSecretName" . }}
      key: seed
{{- end }}
