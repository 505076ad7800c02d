// The file of a transfer: what is accepted, and each refusal at its place.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse, stringify } from 'yaml';
import { parseTransfer } from '../../../crds/manifest/transfer.ts';

const example = new URL('../../../crds/transfers/to-another-base.yaml', import.meta.url);
const text = readFileSync(example, 'utf8');

test('the example is a transfer, with what it leaves out filled in', (t) => {
  const { spec } = parseTransfer(text, 'transfer.yaml');
  t.is(spec.from.adapter.persistentVolumeClaim?.path, 'first/adapter');
  t.is(spec.minProbability, '0.5');
  t.deepEqual(spec.generation, { temperature: '1', topP: '0.95', maxTokens: 128 });
});

type Change = (document: ReturnType<typeof parse>) => void;

const cases: readonly (readonly [string, Change, RegExp])[] = [
  [
    'records that are held out by the job',
    ({ spec }) => (spec.job.dataset.heldOut = { samples: 4 }),
    /transfer\.yaml:\d+.*spec\.job\.dataset has eval or heldOut, and records are made.*spec\.heldOut/s,
  ],
  [
    'a limit of records',
    ({ spec }) => (spec.job.dataset.maxSamples = 4),
    /spec\.job\.dataset\.maxSamples is set, and records are made/,
  ],
  [
    'a format of records',
    ({ spec }) => (spec.job.dataset.format = 'Chat'),
    /spec\.job\.dataset\.format is set; records have the form that the kit has/,
  ],
  [
    'fewer candidates than samples',
    ({ spec }) => (spec.maxCandidates = 215),
    /spec\.maxCandidates is 215; samples and heldOut ask for 216/,
  ],
  [
    'a job that trains nothing',
    ({ spec }) => {
      spec.job.method = { preset: 'NoTraining' };
      spec.job.training = undefined;
      spec.job.output.formats = ['MergedSafetensors'];
    },
    /spec\.job\.method trains nothing/,
  ],
  [
    'a method that cannot be',
    ({ spec }) => (spec.job.method = { preset: 'QLoRA', optimizer: { type: 'GaLore' } }),
    /in the job, /,
  ],
  ['a gate without a share', ({ spec }) => (spec.gate = {}), /minRelative/],
  ['a field that is none', ({ spec }) => (spec.seeds = 5), /seeds/],
];

for (const [title, change, expected] of cases) {
  test(`refused: ${title}`, (t) => {
    const document = parse(text);
    change(document);
    const error = t.throws(() => parseTransfer(stringify(document), 'transfer.yaml'));
    t.regex(error?.message ?? '', expected);
  });
}

test('a file with two transfers is refused', (t) => {
  const error = t.throws(() => parseTransfer(`${text}\n---\n${text}`, 'two.yaml'));
  t.regex(error?.message ?? '', /has 2 documents; it must have one Transfer/);
});
