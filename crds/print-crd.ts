// Writes crds/finetunejob.yaml from the schemas: `node crds/print-crd.ts`. A test compares the file with what this prints.
import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { customResourceDefinition } from './custom-resource.ts';

const header =
  '# Printed by `node crds/print-crd.ts` from crds/api and crds/methods. Do not edit.\n';

export function printCrd(): string {
  const options = { lineWidth: 0, aliasDuplicateObjects: false, indentSeq: false };
  return header + stringify(customResourceDefinition(), options);
}

export const crdFile = new URL('./finetunejob.yaml', import.meta.url);

if (import.meta.main) writeFileSync(crdFile, printCrd());
