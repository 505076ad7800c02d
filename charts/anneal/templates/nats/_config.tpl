{{/* Configuration of NATS. No key is in here: an init container writes auth.conf. */}}
{{- define "anneal.natsConfig" -}}
{{- $name := include "anneal.name" (list . "nats") -}}
server_name: $POD_NAME
listen: 0.0.0.0:4222
http: 0.0.0.0:8222
# A member list of 5,000 workers is below it.
max_payload: 1MB
# Less than by default: who reads too slowly is cut off before it costs much memory.
max_pending: 32MB
jetstream {
  store_dir: /data
  # Everything is on the disk.
  max_memory_store: 16MiB
}
{{- if include "anneal.ownTls" . }}
tls {
  cert_file: /etc/nats-tls/tls.crt
  key_file: /etc/nats-tls/tls.key
}
{{- end }}
{{- if gt (int .Values.nats.replicas) 1 }}
cluster {
  name: {{ $name }}
  listen: 0.0.0.0:6222
  {{- if include "anneal.ownTls" . }}
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
