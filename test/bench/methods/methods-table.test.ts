import test from 'ava';
import { aReport } from '../../builders/run-report.ts';
import { comparisons } from './comparisons.ts';
import { methodJobs } from './jobs.ts';
import { methodRunOf, methodsTable } from './methods-table.ts';

const mib = 2 ** 20;

function run(peak: number, stepMs: number, withLosses = true) {
  const parts = { weights: 100, optimizer: 60, gradients: 20, activations: 10, workspace: 10 };
  const report = aReport({
    memory: { predicted: { parts, peak: 200 }, measured: { peak: peak * mib } },
  });
  const at = (step: number) => ({ step, loss: 2 + step, perplexity: 1, tokens: 1 });
  const evaluation = { before: at(0), after: at(1), all: [at(0), at(1)] };
  const training = { ...report.training, stepMs };
  return methodRunOf({ ...report, training, evaluation }, withLosses);
}

const rowsOf = (table: string) =>
  table.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));

test('each method has its medians, its plan, the share of weights in it, and its losses', (t) => {
  const reports = new Map([['qlora', [run(300, 10), run(100, 30), run(200, 20)]]]);
  const rows = rowsOf(methodsTable(reports));
  t.deepEqual(rows[2]?.slice(1, 5), ['qlora', '20 (10 to 30)', '', '200 (100 to 300)']);
  t.deepEqual(rows[2]?.slice(7, 9), ['50 %', '2.0000 to 3.0000']);
});

test('that the step with the choice of directions is left out stands beside the figures', (t) => {
  t.regex(methodsTable(new Map([['q-galore', [run(1, 1)]]])), /only one of GaLore and Q-GaLore/);
});

test('losses of drawn weights are not shown', (t) => {
  const table = methodsTable(new Map([['full', [run(1, 1, false)]]]));
  t.notRegex(table, /3\.0000/);
});

test('what is wanted is met up to its target, and said to be missed beyond it', (t) => {
  const verdictAt = (peak: number) => {
    const runs = new Map([
      ['lora', [run(1000, 1)]],
      ['qlora', [run(peak, 1)]],
    ]);
    return rowsOf(methodsTable(runs)).at(-1)?.slice(1, 7);
  };
  t.deepEqual(verdictAt(550), ['qlora', 'lora', 'peak', '0.55', '0.55', 'met']);
  t.deepEqual(verdictAt(560), ['qlora', 'lora', 'peak', '0.56', '0.55', '**missed**']);
});

test('a method beside which nothing was measured has no verdict, and a time that is no number meets nothing', (t) => {
  t.notRegex(methodsTable(new Map([['qlora', [run(1, 1)]]])), /\bmet\b|missed/);
  const reports = new Map([
    ['full', [run(1000, 1)]],
    ['q-galore', [run(1, Number.NaN)]],
  ]);
  const time = rowsOf(methodsTable(reports)).find((row) => row[3]?.startsWith('time'));
  t.is(time?.[6], '**missed**');
});

test('both sides of each comparison are jobs of the benchmark', (t) => {
  const names = new Set(methodJobs(30).map(({ name }) => name));
  for (const { method, against } of comparisons) {
    t.true(names.has(method), method);
    t.true(names.has(against), against);
  }
});
