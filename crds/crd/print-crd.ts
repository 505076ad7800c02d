// Writes crds/finetunejob.yaml and the chart's template of it from the schemas: `node
// crds/crd/print-crd.ts`. Tests compare the files with its output. It is a template because Helm
// does not upgrade its folder `crds`, and has the keep policy because deleting the CRD would delete
// every job.
import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { customResourceDefinition } from './custom-resource.ts';

const header =
  '# Printed by `node crds/crd/print-crd.ts` from crds/api and crds/methods. Do not edit.\n';

export function printCrd(): string {
  return header + stringify(customResourceDefinition(), options);
}

export function printChartCrd(): string {
  const { metadata, spec, ...type } = customResourceDefinition();
  const inside = stringify({ spec }, options).replaceAll('{{', '{{ "{{" }}');
  return `{{- /* Printed by \`node crds/crd/print-crd.ts\`. Do not edit. */ -}}
{{- if .Values.crds.install }}
${stringify(type, options)}metadata:
  name: ${metadata.name}
  labels:
    {{- include "anneal.labels" (list . "crd") | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
${inside}{{- end }}
`;
}

const options = { lineWidth: 0, aliasDuplicateObjects: false, indentSeq: false } as const;

export const crdFile = new URL('../finetunejob.yaml', import.meta.url);
export const chartCrdFile = new URL('../../charts/anneal/templates/crd.yaml', import.meta.url);

if (import.meta.main) {
  writeFileSync(crdFile, printCrd());
  writeFileSync(chartCrdFile, printChartCrd());
}
