{{/*
Rules as the API server evaluates them (CEL), one for each limit that is set and each place that it is about. A place of the spec is
written as a path; what is absent breaks no rule.
*/}}
{{- define "anneal.admissionRules" -}}
{{- $limits := .Values.admissionPolicies }}
{{- with $limits.imagePrefixes }}
{{- range $path := list "worker.image" "model.source.image.reference" "dataset.train.image.reference" "dataset.eval.image.reference" }}
{{ include "anneal.allowed" (list $path (printf "%s.exists(each, self.startsWith(each))" (toJson $limits.imagePrefixes)) (printf "begin with %s" (join " or " $limits.imagePrefixes))) }}
{{- end }}
{{- end }}
{{- with $limits.serviceAccountNames }}
{{ include "anneal.allowed" (list "worker.serviceAccountName" (printf "self in %s" (toJson .)) (printf "be %s" (join " or " .))) }}
{{- end }}
{{- with $limits.hubRepositoryPrefixes }}
{{- range $path := list "model.source.huggingFace.repository" "dataset.train.huggingFace.repository" "dataset.eval.huggingFace.repository" "output.pushToHub.repository" }}
{{ include "anneal.allowed" (list $path (printf "%s.exists(each, self.startsWith(each))" (toJson $limits.hubRepositoryPrefixes)) (printf "begin with %s" (join " or " $limits.hubRepositoryPrefixes))) }}
{{- end }}
{{- end }}
{{- with $limits.storageEndpoints }}
{{- range $path := list "model.source.s3.endpoint" "dataset.train.s3.endpoint" "dataset.eval.s3.endpoint" "checkpoint.destination.s3.endpoint" "output.destination.s3.endpoint" }}
{{ include "anneal.allowed" (list $path (printf "self in %s" (toJson $limits.storageEndpoints)) (printf "be %s" (join " or " $limits.storageEndpoints))) }}
{{- end }}
{{- end }}
{{- with $limits.nodeLostPolicies }}
{{ include "anneal.allowed" (list "failurePolicy.nodeLostPolicy" (printf "self in %s" (toJson .)) (printf "be %s" (join " or " .))) }}
{{- end }}
{{- with $limits.networkModes }}
{{ include "anneal.allowed" (list "network.policy" (printf "self in %s" (toJson .)) (printf "be %s" (join " or " .))) }}
{{- end }}
{{- if eq $limits.metadataService "Deny" }}
{{ include "anneal.allowed" (list "network.allowMetadataService" "self == 'Deny'" "be Deny") }}
{{- end }}
{{- with $limits.egressCIDRs }}
{{ include "anneal.allowed" (list "network.egressCIDRs" (printf "self.all(each, isCIDR(each) && %s.exists(net, cidr(net).containsCIDR(each)))" (toJson .)) (printf "lie within %s" (join " or " .))) }}
{{- end }}
{{- with $limits.priorityClassNames }}
{{ include "anneal.allowed" (list "worker.priorityClassName" (printf "self in %s" (toJson .)) (printf "be %s" (join " or " .))) }}
{{- end }}
{{- if $limits.requireQueue }}
- expression: has(object.spec.scheduling) && has(object.spec.scheduling.queueName)
  message: {{ printf "spec.scheduling.queueName must be set here%s" (empty $limits.queueNames | ternary "" (printf ", and be %s" (join " or " $limits.queueNames))) | quote }}
{{- end }}
{{- with $limits.queueNames }}
{{ include "anneal.allowed" (list "scheduling.queueName" (printf "self in %s" (toJson .)) (printf "be %s" (join " or " .))) }}
{{- end }}
{{- with $limits.workloadPriorityClassNames }}
{{ include "anneal.allowed" (list "scheduling.workloadPriorityClassName" (printf "self in %s" (toJson .)) (printf "be %s" (join " or " .))) }}
{{- end }}
{{- with $limits.maxDevices }}
- expression: {{ printf "!has(object.spec.worker) || (has(object.spec.worker.maxReplicas) ? object.spec.worker.maxReplicas : has(object.spec.worker.replicas) ? object.spec.worker.replicas : 1) * (has(object.spec.worker.devicesPerWorker) ? object.spec.worker.devicesPerWorker : 0) <= %d" (int .) | quote }}
  message: {{ printf "spec.worker asks for more devices, over all workers, than the %d that a job may have here" (int .) | quote }}
{{- end }}
{{- with $limits.maxTtlSecondsAfterFinished }}
- expression: {{ printf "has(object.spec.ttlSecondsAfterFinished) && object.spec.ttlSecondsAfterFinished <= %d" (int .) | quote }}
  message: {{ printf "spec.ttlSecondsAfterFinished must be set here, and be at most %d" (int .) | quote }}
{{- end }}
{{- end }}

{{/* (list path test words): the value is absent, or passes the test, where it is self. */}}
{{- define "anneal.allowed" -}}
{{- $path := index . 0 }}
{{- $absent := list }}
{{- $at := "object.spec" }}
{{- range splitList "." $path }}
{{- $at = printf "%s.%s" $at . }}
{{- $absent = append $absent (printf "!has(%s)" $at) }}
{{- end }}
- expression: {{ printf "%s || %s" (join " || " $absent) (index . 1 | replace "self" $at) | quote }}
  message: {{ printf "spec.%s must %s here" $path (index . 2) | quote }}
{{- end }}

{{/* Of the limits those that are about a part that a server has too. */}}
{{- define "anneal.serverAdmissionRules" -}}
{{- $limits := .Values.admissionPolicies }}
{{- with $limits.imagePrefixes }}
{{- range $path := list "model.source.image.reference" "engine.vllm.image" }}
{{ include "anneal.allowed" (list $path (printf "%s.exists(each, self.startsWith(each))" (toJson $limits.imagePrefixes)) (printf "begin with %s" (join " or " $limits.imagePrefixes))) }}
{{- end }}
{{- end }}
{{- with $limits.hubRepositoryPrefixes }}
{{ include "anneal.allowed" (list "model.source.huggingFace.repository" (printf "%s.exists(each, self.startsWith(each))" (toJson .)) (printf "begin with %s" (join " or " .))) }}
{{- end }}
{{- with $limits.storageEndpoints }}
{{ include "anneal.allowed" (list "model.source.s3.endpoint" (printf "self in %s" (toJson .)) (printf "be %s" (join " or " .))) }}
- expression: {{ printf "!has(object.spec.adapters) || object.spec.adapters.all(each, !has(each.s3) || !has(each.s3.endpoint) || each.s3.endpoint in %s)" (toJson .) | quote }}
  message: {{ printf "spec.adapters must have endpoints that are %s here" (join " or " .) | quote }}
{{- end }}
{{- with $limits.maxDevices }}
- expression: {{ printf "(has(object.spec.replicas) ? object.spec.replicas : 1) * (has(object.spec.devicesPerReplica) ? object.spec.devicesPerReplica : 0) <= %d" (int .) | quote }}
  message: {{ printf "spec asks for more devices, over all replicas, than the %d that a server may have here" (int .) | quote }}
{{- end }}
{{- end }}

{{/* (list $ resource end rules) */}}
{{- define "anneal.limitPolicy" -}}
{{- $root := index . 0 }}
{{- $limits := $root.Values.admissionPolicies }}
{{- $name := printf "%s-%s-%s" (include "anneal.fullname" $root) $root.Release.Namespace (index . 2) }}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ $name }}
  labels:
    {{- include "anneal.labels" (list $root "limits") | nindent 4 }}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - apiGroups: [anneal.dev]
        apiVersions: ["*"]
        resources: [{{ index . 1 }}]
        operations: [CREATE, UPDATE]
  matchConditions:
    # What was allowed when it was written stays: the operator must be able to add and remove the
    # finalizer of a job.
    - name: the-spec-is-new
      expression: oldObject == null || object.spec != oldObject.spec
  validations:
    {{- toYaml (index . 3) | nindent 4 }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "anneal.labels" (list $root "limits") | nindent 4 }}
spec:
  policyName: {{ $name }}
  validationActions:
    {{- toYaml $limits.actions | nindent 4 }}
  {{- with $limits.namespaceSelector }}
  matchResources:
    namespaceSelector:
      {{- toYaml . | nindent 6 }}
  {{- end }}
{{- end }}
