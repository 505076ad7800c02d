import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { customResourceDefinition } from '../../../crds/crd/custom-resource.ts';
import { chartCrdFile, crdFile, printChartCrd, printCrd } from '../../../crds/crd/print-crd.ts';

/** Of the annotation in which client-side apply keeps what was applied, as JSON. */
const limit = 256 * 1024;

test('the committed CRD is what the schemas print; `node crds/crd/print-crd.ts` renews it', (t) => {
  t.is(readFileSync(crdFile, 'utf8'), printCrd());
});

test('the chart has a template of the same definition', (t) => {
  t.is(readFileSync(chartCrdFile, 'utf8'), printChartCrd());
});

test('printing and reading the CRD loses nothing', (t) => {
  t.deepEqual(parse(printCrd()), JSON.parse(JSON.stringify(customResourceDefinition())));
});

// kubectl keeps the object in an annotation as JSON; how the file is indented is nothing to it.
test('the CRD stays small enough for client-side apply', (t) => {
  t.true(JSON.stringify(customResourceDefinition()).length < limit);
});
