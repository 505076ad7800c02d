{{/* Rules of network policies. Kubelet's probes pass in any case. */}}
{{- define "anneal.toNames" -}}
# Names: clusters run their servers under many labels, and a cache of a node listens on an address
# that is no pod's.
- to:
    - namespaceSelector: {}
    {{- range .Values.networkPolicies.nameServers }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
  ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
{{- end }}

{{- define "anneal.toApiServer" -}}
- ports:
    {{- range .Values.networkPolicies.apiServerPorts }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
  {{- with .Values.networkPolicies.apiServerCIDRs }}
  to:
    {{- range . }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  {{- end }}
{{- end }}

{{- define "anneal.toNats" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "anneal.selector" (list . "nats") | nindent 10 }}
  ports:
    - { port: 4222, protocol: TCP }
{{- end }}

{{- define "anneal.toBus" -}}
{{- if include "anneal.ownNats" . }}
{{- include "anneal.toNats" . }}
{{- else if .Values.bus.enabled }}
{{- $ports := list }}
{{- range splitList "," .Values.bus.url }}
{{- $ports = append $ports (regexFind "[0-9]+$" (regexFind ":[0-9]+$" .) | default "4222" | int) }}
{{- end }}
- ports:
    {{- range uniq $ports }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
  {{- with .Values.bus.namespace }}
  to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* (list $ 8080) */}}
{{- define "anneal.fromMonitoring" -}}
{{- $root := index . 0 -}}
{{- with $root.Values.monitoring.namespace -}}
- from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ . }}
  ports:
    - { port: {{ index $ 1 }}, protocol: TCP }
{{- else -}}
[]
{{- end -}}
{{- end }}
