import test from 'ava';
import { madeLines } from '../../../../cli/commands/sample/text.ts';
import type { SampleRecord } from '../../../../crds/sample/record.ts';

const record: Omit<SampleRecord, 'made'> = {
  ...{ version: 1, base: { name: 'dit', origin: '/dit', digest: 'sha256:0' }, adapters: [] },
  pictures: { count: 12, classes: [0], steps: 20, guidance: 1.5, seed: 0, caches: true },
};
const parts = ['thick', 'italic'].map((adapter) => ({ adapter, weight: 1 }));

test('a line for what has pictures, and where they are', (t) => {
  const dominant = { mode: 'dominant', parts, span: null } as const;
  const turns = [0, 12, 14].map((step) => {
    return { step, leader: step < 13 ? 'italic' : 'thick', weight: 1 };
  });
  const frequencies = { thick: 0.1, italic: 0.2 };
  const leads = { frequencies, early: ['italic'], late: ['thick'], changesAt: 12, turns };
  const made = [
    { name: 'dit', blocks: { passed: 80, all: 80 }, seconds: 1.25 },
    {
      ...{ name: 'both', composition: dominant, sequencing: leads },
      ...{ blocks: { passed: 102, all: 160 }, seconds: 3 },
    },
  ];
  t.deepEqual(madeLines({ ...record, made }, '/out'), [
    'dit   1.3 s',
    'both  dominant of thick + italic · italic first · thick from step 15 on · 63.7 % of blocks · 3.0 s',
    '12 pictures of each in /out',
  ]);
});
