{{/* Rights in the namespaces of jobs: no Secrets, exec, logs, roles or webhooks. */}}
{{- define "anneal.jobRules" -}}
- apiGroups: [anneal.dev]
  resources: [finetunejobs]
  # patch: finalizer and labels. delete: only for ttlSecondsAfterFinished.
  verbs: [get, list, watch, patch{{ if .Values.features.deleteFinishedJobs }}, delete{{ end }}]
- apiGroups: [anneal.dev]
  resources: [finetunejobs/status]
  verbs: [patch]
# Asked for where clusters check who may hold up a deletion.
- apiGroups: [anneal.dev]
  resources: [finetunejobs/finalizers]
  verbs: [update]
# What a job made; it is never changed or deleted, and read for AdapterServers alone.
- apiGroups: [anneal.dev]
  resources: [adapters]
  verbs: [create]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# Its name holds its content: it is never read, changed or deleted.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
# list: why a Job gets no pods, or a pod does not start, is told by events alone.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [list, create, patch]
{{- if .Values.features.volumeClaimTemplate }}
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, create]
{{- end }}
{{- if .Values.features.forceReplace }}
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
{{- end }}
{{- if .Values.features.adapterServers }}
- apiGroups: [anneal.dev]
  resources: [adapterservers, adapters]
  verbs: [get, list, watch]
- apiGroups: [anneal.dev]
  resources: [adapterservers/status]
  verbs: [patch]
- apiGroups: [anneal.dev]
  resources: [adapterservers/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
# The list of the adapters of a server changes; a patch says whose the list must be.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [patch]
{{- end }}
{{- if .Values.features.federations }}
- apiGroups: [anneal.dev]
  resources: [federations, federationpeers]
  verbs: [get, list, watch]
- apiGroups: [anneal.dev]
  resources: [federations/status, federationpeers/status]
  verbs: [patch]
- apiGroups: [anneal.dev]
  resources: [federations/finalizers, federationpeers/finalizers]
  verbs: [update]
{{- end }}
{{- if .Values.features.trainingPools }}
- apiGroups: [anneal.dev]
  resources: [trainingpools]
  verbs: [get, list, watch]
- apiGroups: [anneal.dev]
  resources: [trainingpools/status]
  verbs: [patch]
- apiGroups: [anneal.dev]
  resources: [trainingpools/finalizers]
  verbs: [update]
# The list of the jobs of a pool changes; a patch says whose the list must be.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [patch]
{{- end }}
{{- $groups := dict "Native" "scheduling.k8s.io" "Coscheduling" "scheduling.x-k8s.io" "Volcano" "scheduling.volcano.sh" }}
{{- range .Values.features.gangs }}
- apiGroups: [{{ get $groups . }}]
  resources: [podgroups]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
{{- if .Values.features.kueueStatus }}
- apiGroups: [kueue.x-k8s.io]
  resources: [workloads]
  verbs: [get, list, watch]
{{- end }}
{{- end }}

{{/* The UID of this namespace is the name of the cluster on the bus. */}}
{{- define "anneal.clusterNameRules" -}}
- apiGroups: [""]
  resources: [namespaces]
  resourceNames: [kube-system]
  verbs: [get]
{{- end }}

{{/* Nodes are of no namespace. */}}
{{- define "anneal.nodeRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
{{- end }}

{{- define "anneal.operatorSubject" -}}
- kind: ServiceAccount
  name: {{ include "anneal.serviceAccountName" (list . "operator" .Values.operator.serviceAccount) }}
  namespace: {{ .Release.Namespace }}
{{- end }}
