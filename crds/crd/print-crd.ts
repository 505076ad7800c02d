// Writes the definitions and the chart's templates of them from the schemas: `node
// crds/crd/print-crd.ts`. Tests compare the files with its output. They are templates because Helm
// does not upgrade its folder `crds`, and have the keep policy because deleting a definition would
// delete every object of its kind.
import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { adapterDefinition } from './adapter-resource.ts';
import { adapterServerDefinition } from './adapter-server-resource.ts';
import { customResourceDefinition } from './custom-resource.ts';
import type { CustomResourceDefinition } from './definition.ts';
import { federationDefinition, federationPeerDefinition } from './federation-resources.ts';
import { trainingPoolDefinition } from './training-pool-resource.ts';

const header =
  '# Printed by `node crds/crd/print-crd.ts` from crds/api and crds/methods. Do not edit.\n';

export function printCrd(definition: CustomResourceDefinition): string {
  return header + stringify(definition, options);
}

export function printChartCrd(definition: CustomResourceDefinition): string {
  const { metadata, spec, ...type } = definition;
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

const templates = new URL('../../charts/anneal/templates/', import.meta.url);

/** Each definition with its file and its template of the chart. */
export const definitions = [
  {
    definition: customResourceDefinition,
    file: new URL('../finetunejob.yaml', import.meta.url),
    template: new URL('crd.yaml', templates),
  },
  {
    definition: adapterDefinition,
    file: new URL('../adapter.yaml', import.meta.url),
    template: new URL('crd-adapter.yaml', templates),
  },
  {
    definition: adapterServerDefinition,
    file: new URL('../adapterserver.yaml', import.meta.url),
    template: new URL('crd-adapter-server.yaml', templates),
  },
  {
    definition: federationDefinition,
    file: new URL('../federation.yaml', import.meta.url),
    template: new URL('crd-federation.yaml', templates),
  },
  {
    definition: federationPeerDefinition,
    file: new URL('../federationpeer.yaml', import.meta.url),
    template: new URL('crd-federation-peer.yaml', templates),
  },
  {
    definition: trainingPoolDefinition,
    file: new URL('../trainingpool.yaml', import.meta.url),
    template: new URL('crd-training-pool.yaml', templates),
  },
] as const;

if (import.meta.main) {
  for (const { definition, file, template } of definitions) {
    writeFileSync(file, printCrd(definition()));
    writeFileSync(template, printChartCrd(definition()));
  }
}
