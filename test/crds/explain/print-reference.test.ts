import { readFileSync } from 'node:fs';
import test from 'ava';
import { fieldDocs } from '../../../crds/explain/explain.ts';
import {
  printCombinations,
  printFailureReference,
  printJobReference,
  referenceFiles,
} from '../../../crds/explain/print-reference.ts';
import { failures } from '../../../crds/failures/table.ts';

test('the committed reference pages are what the schemas print; `node crds/explain/print-reference.ts` renews them', (t) => {
  t.is(readFileSync(referenceFiles.job, 'utf8'), printJobReference());
  t.is(readFileSync(referenceFiles.failures, 'utf8'), printFailureReference());
  t.is(readFileSync(referenceFiles.combinations, 'utf8'), printCombinations());
});

test('every failure has a row with its exit codes', (t) => {
  const rows = new Map(
    printFailureReference()
      .split('\n')
      .filter((line) => line.startsWith('| `E_'))
      .map((line) => line.split(' | '))
      .map(([code = '', ...cells]) => [code.replace(/[|` ]/g, ''), cells]),
  );
  t.deepEqual([...rows.keys()].sort(), Object.keys(failures).sort());
  for (const [code, { cliExit, workerExit }] of Object.entries(failures)) {
    t.is(rows.get(code)?.at(-1), `${cliExit}, worker ${workerExit} |`, code);
  }
});

test('every described field of the spec is on the page, but for the parts of a Pod', (t) => {
  const page = printJobReference();
  for (const { path, description } of fieldDocs().values()) {
    const [, top = '', rest = ''] = /^(spec\.\w+)\.?(.*)$/.exec(path) ?? [];
    if (top === '' || description === '') continue;
    if (/^spec\.worker\.(affinity|topologySpreadConstraints)./.test(path)) continue;
    const section = page.split(`### ${top}\n`)[1]?.split('\n### ')[0] ?? '';
    t.true(rest === '' ? section !== '' : section.includes(`| \`${rest}\` |`), path);
  }
});

test('every row of a table has the columns of its head', (t) => {
  const pages = [printJobReference(), printFailureReference(), printCombinations()].join('\n');
  for (const table of pages.split('\n\n').filter((part) => part.startsWith('|'))) {
    const columns = table
      .trim()
      .split('\n')
      .map((line) => line.replaceAll('\\|', '').split('|').length);
    t.is(new Set(columns).size, 1, table.slice(0, 80));
  }
});
