{{/* Configuration of NATS. Who may connect is in auth.conf, which an init container writes from the keys: no key is in here. */}}
{{- define "anneal.natsConfig" -}}
{{- $name := include "anneal.name" (list . "nats") -}}
server_name: $POD_NAME
listen: 0.0.0.0:4222
http: 0.0.0.0:8222
# A member list of 5,000 workers is below it.
max_payload: 1MB
jetstream {
  store_dir: /data
  max_memory_store: {{ include "anneal.bytes" .Values.nats.memoryStore }}
}
{{- with .Values.nats.tls.secretName }}
tls {
  cert_file: /etc/nats-tls/tls.crt
  key_file: /etc/nats-tls/tls.key
}
{{- end }}
{{- if gt (int .Values.nats.replicas) 1 }}
cluster {
  name: {{ $name }}
  listen: 0.0.0.0:6222
  {{- if .Values.nats.tls.secretName }}
  tls {
    cert_file: /etc/nats-tls/tls.crt
    key_file: /etc/nats-tls/tls.key
    ca_file: /etc/nats-tls/ca.crt
    verify: true
  }
  {{- end }}
  routes: [
    {{- range $index := until (int .Values.nats.replicas) }}
    nats-route://{{ $name }}-{{ $index }}.{{ $name }}-peers.{{ $.Release.Namespace }}.svc.{{ $.Values.clusterDomain }}:6222
    {{- end }}
  ]
}
{{- end }}
{{- if include "anneal.perJobAuth" . }}
include ../nats-auth/auth.conf
{{- end }}
{{- end }}

{{/* A quantity as NATS writes it: 64Mi is 64MiB. */}}
{{- define "anneal.bytes" -}}
{{- $text := kindIs "float64" . | ternary (int64 . | toString) (toString .) -}}
{{- if regexMatch "[KMGT]i$" $text -}}
{{ $text }}B
{{- else if regexMatch "[kMGT]$" $text -}}
{{ $text | upper }}B
{{- else -}}
{{ $text }}
{{- end -}}
{{- end }}
