import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { definitions, printChartCrd, printCrd } from '../../../crds/crd/print-crd.ts';
import { appliedBytes, mostAnnotations } from './applied-bytes.ts';

for (const { definition, file, template } of definitions) {
  const made = definition();
  const { name } = made.metadata;
  test(`${name} is what the schemas print; \`node crds/crd/print-crd.ts\` renews it`, (t) => {
    t.is(readFileSync(file, 'utf8'), printCrd(made));
    t.is(readFileSync(template, 'utf8'), printChartCrd(made));
    t.deepEqual(parse(printCrd(made)), JSON.parse(JSON.stringify(made)));
  });
}

for (const { definition } of definitions) {
  const made = definition();
  test(`${made.metadata.name} fits into the annotation of client-side apply`, (t) => {
    const bytes = appliedBytes(made);
    t.true(bytes < mostAnnotations, `${bytes} of ${mostAnnotations} bytes`);
  });
}
