import { readFileSync } from 'node:fs';
import test from 'ava';
import { pages } from '../pages.ts';
import { metricsOf, metricsPage, printMetrics, programs } from './print-metrics.ts';

const all = programs.flatMap(({ title, registry }) =>
  metricsOf(registry()).map((metric) => ({ title, ...metric })),
);

test('the committed page of metrics is what is exported; `node test/docs/metrics/print-metrics.ts` renews it', (t) => {
  t.is(readFileSync(metricsPage, 'utf8'), printMetrics());
});

test('every metric says in a sentence what it means', (t) => {
  const own = all.filter(({ name }) => !/^(process|nodejs)_/.test(name));
  t.deepEqual(
    own.filter(({ help }) => !/^[A-Z0-9].{12,}\.$/.test(help)).map(({ name }) => name),
    [],
  );
});

test('counters end in _total and nothing else does; our names say whose they are', (t) => {
  const wrong = all.filter(({ name, type }) => (type === 'counter') !== name.endsWith('_total'));
  t.deepEqual(wrong, []);
  const workers = all.filter(({ title }) => title === 'Workers');
  t.true(workers.every(({ name }) => name.startsWith('anneal_worker_')));
  const operator = new Set(all.filter(({ title }) => title === 'Operator').map(({ name }) => name));
  t.deepEqual(
    workers.filter(({ name }) => operator.has(name)),
    [],
    'an alert about one must not be fed by the other',
  );
});

test('the page of operations has a row for every alert, as the page of metrics says, and for no other', (t) => {
  const namesIn = (text: string) =>
    [...text.matchAll(/`(Anneal[A-Z]\w+)`/g)].map(([, name]) => name);
  const rowsOf = (page: string, heading: string) => {
    const text = pages().find(({ path }) => path === page)?.text ?? '';
    const [, section = ''] = text.split(`${heading}\n`);
    const [own = ''] = section.split(/\n#+ /);
    return own.split('\n').flatMap((line) => namesIn(line.split(' | ')[0] ?? ''));
  };
  const told = rowsOf('docs/operations.md', '### When an alert fires');
  const fired = rowsOf('docs/reference/metrics.md', '## Alerts');
  t.true(fired.length > 10);
  t.deepEqual(told.toSorted(), fired.toSorted());
});
