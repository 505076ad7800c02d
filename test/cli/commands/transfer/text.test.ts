import test from 'ava';
import { transferJson, transferLines } from '../../../../cli/commands/transfer/text.ts';
import { digestOf } from '../../../../crds/index.ts';
import type { Telemetry } from '../../../../crds/wire/telemetry.ts';
import type { ComparisonRecord, SyntheticRecord } from '../../../../crds/wire/transfer.ts';

const stored = { folder: '/transfer', number: 1, record: { name: 'support' } };
const synthetic: SyntheticRecord = {
  ...{ version: 1, inputs: digestOf('i'), form: { type: 'Chat' }, candidates: 640 },
  ...{ train: 200, heldOut: 16, refused: { Unlike: 400 }, meanProbability: 0.81234 },
  files: { train: digestOf('t'), heldOut: digestOf('h') },
};
const comparison: ComparisonRecord = {
  ...{
    version: 1,
    on: 'HeldOut',
    records: 'sha256:1',
    prompts: 16,
    teacher: { overlap: 1, exact: 1 },
  },
  ...{ student: { overlap: 0.75, exact: 0.5 }, base: { overlap: 0.25, exact: 0 }, relative: 0.75 },
};
const messages: readonly Telemetry[] = [
  { time: 1, type: 'stage', stage: 'Resolve', state: 'Started', subject: 'model' },
  {
    ...{ time: 1, type: 'stage', stage: 'Prepare', state: 'Running', unit: 'Records' },
    ...{ subject: 'synthetic records', done: 4, total: 216, note: 'of 16 candidates' },
  },
  { time: 1, type: 'warning', reason: 'FewSamples', message: '9 records \u001b[31m' },
];

function said(view: typeof transferLines): string {
  const lines: string[] = [];
  const made = view((line) => lines.push(line), stored);
  made.begin(true);
  for (const message of messages) made.message('synthesize', message);
  made.synthetic(synthetic);
  made.warn('saving');
  made.comparison(comparison);
  made.comparison({ ...comparison, on: 'Tests', relative: undefined });
  for (const state of ['Complete', 'Stopped', 'Failed'] as const) made.end(state);
  return lines.join('\n');
}

test('a transfer in lines', (t) => {
  t.snapshot(said(transferLines));
});

test('a transfer as JSON', (t) => {
  const lines = said(transferJson)
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(
    lines.map(({ type }) => type),
    [
      ...['begin', 'progress', 'progress', 'progress', 'synthetic', 'warning', 'comparison'],
      ...['comparison', 'outcome', 'outcome', 'outcome'],
    ],
  );
});
