import { readFileSync } from 'node:fs';
import test from 'ava';
import { runOf } from '../../../cli/transfer/run-transfer.ts';
import { digestOf } from '../../../crds/index.ts';
import { parseTransfer } from '../../../crds/manifest/transfer.ts';
import type { TransferRecord } from '../../../crds/wire/transfer.ts';

const example = new URL('../../../crds/transfers/to-another-base.yaml', import.meta.url);
const { spec } = parseTransfer(readFileSync(example, 'utf8'), 'transfer.yaml');
const record: TransferRecord = {
  ...{ version: 1, name: 'support', namespace: 'default', folder: '/files', spec },
  ...{ digest: digestOf('x'), volumes: {}, cache: '/cache', device: 'cpu', threads: 2 },
  createdAt: '2026-01-01T00:00:00Z',
};

test('the job trains on what was made, and is evaluated on what was held out', (t) => {
  const run = runOf(record, '/transfer');
  const { train, eval: held, ...dataset } = run.spec.dataset;
  t.deepEqual(train, { local: { path: '/transfer/synthetic/train.jsonl' } });
  t.deepEqual(held, { local: { path: '/transfer/synthetic/held-out.jsonl' } });
  const { train: _kit, ...asked } = spec.job.dataset;
  t.deepEqual(dataset, asked);
  t.deepEqual({ ...run.spec, dataset: spec.job.dataset }, spec.job);
});

test('another transfer is another run, however alike their jobs', (t) => {
  const [one, other] = [record, { ...record, digest: digestOf('y') }].map((each) =>
    runOf(each, '/transfer'),
  );
  t.not(one?.digest, other?.digest);
  t.is(one?.digest, runOf({ ...record, threads: 1 }, '/transfer').digest);
});
