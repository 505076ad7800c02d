import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { customResourceDefinition } from '../../../crds/crd/custom-resource.ts';
import { definitions, printChartCrd, printCrd } from '../../../crds/crd/print-crd.ts';

/** Of the annotation in which client-side apply keeps what was applied, as JSON. */
const limit = 256 * 1024;

for (const { definition, file, template } of definitions) {
  const made = definition();
  const { name } = made.metadata;
  test(`${name} is what the schemas print; \`node crds/crd/print-crd.ts\` renews it`, (t) => {
    t.is(readFileSync(file, 'utf8'), printCrd(made));
    t.is(readFileSync(template, 'utf8'), printChartCrd(made));
    t.deepEqual(parse(printCrd(made)), JSON.parse(JSON.stringify(made)));
  });
}

// kubectl keeps the object in an annotation as JSON; how the file is indented is nothing to it.
test('the CRD stays small enough for client-side apply', (t) => {
  t.true(JSON.stringify(customResourceDefinition()).length < limit);
});
