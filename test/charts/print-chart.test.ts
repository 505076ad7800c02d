import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import {
  chartFiles,
  defaultValues,
  printGuide,
  printValues,
  printValuesSchema,
  valuesSchema,
} from '../../charts/print-chart.ts';
import { chartValues } from '../../charts/values/index.ts';
import { programVersion } from '../../crds/names/version.ts';
import { root } from '../architecture/sources.ts';

interface Node {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: unknown;
}

test('values.yaml, its schema and docs/chart.md are what `node charts/print-chart.ts` prints', (t) => {
  t.is(readFileSync(chartFiles.values, 'utf8'), printValues());
  t.is(readFileSync(chartFiles.schema, 'utf8'), printValuesSchema());
  t.is(readFileSync(chartFiles.docs, 'utf8'), printGuide());
});

test('values.yaml holds every default, and the schema takes them', (t) => {
  const written: unknown = parse(printValues());
  t.deepEqual(written, defaultValues());
  t.deepEqual(chartValues.parse(written), written);
});

test('every value has a description that ends like a sentence', (t) => {
  const bare = (node: Node, path: string): readonly string[] =>
    Object.entries(node.properties ?? {}).flatMap(([key, child]) => [
      ...(/[.)]$/.test(child.description ?? '') || /requests|limits|\.name$/.test(`${path}.${key}`)
        ? []
        : [`${path}.${key}`]),
      ...bare(child, `${path}.${key}`),
    ]);
  t.deepEqual(bare(valuesSchema() as Node, ''), []);
});

test('a misspelt value is refused at every level that is ours', (t) => {
  const open = (node: Node, path: string): readonly string[] =>
    Object.entries(node.properties ?? {}).flatMap(([key, child]) => [
      ...(Object.keys(child.properties ?? {}).length > 0 && child.additionalProperties !== false
        ? [`${path}.${key}`]
        : []),
      ...open(child, `${path}.${key}`),
    ]);
  t.deepEqual(open(valuesSchema() as Node, ''), []);
  t.is((valuesSchema() as Node).additionalProperties, false);
});

test('the page shows every value', (t) => {
  const page = printGuide();
  for (const path of ['nameOverride', 'bus.auth.responder.replicas', 'nats.storage.size']) {
    t.true(page.includes(`| \`${path}\` |`), path);
  }
});

test('the chart has the version of the program', (t) => {
  const chart = parse(readFileSync(join(root, 'charts/anneal/Chart.yaml'), 'utf8'));
  t.is(chart.appVersion, programVersion);
  t.is(chart.version, programVersion);
});
