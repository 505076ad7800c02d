// What a job finds in its folder when it comes to a pool, and what becomes of it.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { canonicalText, digestOfText } from '../../../crds/plan/digest.ts';
import { splitLive } from '../../../crds/plan/live.ts';
import { prepareDigest } from '../../../crds/plan/prepare-digest.ts';
import { planRecord } from '../../../crds/wire/plan-record.ts';
import { runName, sharedFolder } from '../../../crds/wire/pod.ts';
import type { ListedJob, PodPool } from '../../../crds/wire/pool.ts';
import { runFiles, runRecord } from '../../../crds/wire/run-folder.ts';
import { begin, endOfTraining } from '../../../worker/pool/begin.ts';
import { aSpec } from '../../builders/job.ts';
import { packedSpec } from '../../builders/pool.ts';
import { aReport } from '../../builders/run-report.ts';
import { startMs } from '../../builders/situation.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const spec = aSpec(packedSpec);
const job = { name: 'first', namespace: 'team', uid: 'uid-0123456789' };
const { fixed, live } = splitLive(spec);

function planned(method = resolveMethod(spec.method)): ListedJob {
  const plan = canonicalText(planRecord.parse({ v: 1, job, spec: fixed, method }));
  const { name, uid } = job;
  return {
    name,
    uid,
    plan,
    planDigest: digestOfText(plan),
    live: JSON.parse(JSON.stringify(live)),
  };
}

const prepared = {
  ...{ version: 1, request: prepareDigest(spec) },
  model: { path: 'model', name: 'toy', digest: 'sha256:toy' },
  data: {
    ...{ train: 'store', digest: 'd', samples: 1, heldOutSamples: 0, skipped: {} },
    ...{ tokens: 1, targetTokens: 1 },
  },
};

async function aClaim(root: string, records: Readonly<Record<string, object>>) {
  const folder = join(root, sharedFolder.runs, runName(job));
  await mkdir(folder, { recursive: true });
  for (const [name, record] of Object.entries(records)) {
    await writeFile(join(folder, name), JSON.stringify(record));
  }
  const pool: PodPool = {
    ...{ name: 'smol', namespace: 'team', root, volumes: { work: root }, list: '' },
    ...{ jobs: 2, devices: 0, threads: 3, port: 8000, graceSeconds: 60 },
  };
  return { folder, pool };
}

test('a job that is prepared gets the record of its run, with what the pod has', async (t) => {
  await using root = await temporaryFolder();
  const { folder, pool } = await aClaim(root.path, { [runFiles.prepared]: prepared });
  t.deepEqual(await begin(planned(), pool, startMs), { type: 'Ready', folder });
  const written = runRecord.parse(JSON.parse(await readFile(join(folder, runFiles.run), 'utf8')));
  t.like(written, { name: 'first', namespace: 'team', device: 'cpu', threads: 3 });
  t.is(written.cache, join(root.path, sharedFolder.cache));
  t.deepEqual(written.volumes, { work: root.path });
  await begin(planned(), { ...pool, devices: 1 }, startMs, 'H100');
  const other = JSON.parse(await readFile(join(folder, runFiles.run), 'utf8'));
  t.like(other, { device: 'cuda:0', deviceProduct: 'H100' });
});

test('one that was trained is not begun again; one that was stopped is', async (t) => {
  for (const reason of ['Finished', 'FinishedEarly', 'Stopped'] as const) {
    await using root = await temporaryFolder();
    const report = aReport();
    const trained = {
      ...{ version: 1, checkpoint: 'c' },
      report: { ...report, end: { ...report.end, reason } },
    };
    const { folder, pool } = await aClaim(root.path, {
      ...{ [runFiles.prepared]: prepared, [runFiles.trained]: trained },
    });
    const begun = await begin(planned(), pool, startMs);
    if (reason === 'Stopped') t.is(begun.type, 'Ready');
    else {
      t.deepEqual(begun, { type: 'Trained', reason });
      t.is(await endOfTraining(folder), reason);
    }
  }
});

test('a job that does not fit its folder or this worker fails with its reason', async (t) => {
  await using root = await temporaryFolder();
  const { pool } = await aClaim(root.path, { [runFiles.prepared]: prepared });
  const other = { ...planned(), planDigest: 'abc' };
  t.like(await begin(other, pool, startMs), { type: 'Failed', code: 'E_PLAN_MISMATCH' });
  const method = resolveMethod({ preset: 'QLoRA' } as typeof spec.method);
  t.like(await begin(planned(method), pool, startMs), { code: 'E_VERSION_SKEW' });
  const { pool: unlike } = await aClaim(root.path, {
    [runFiles.prepared]: { ...prepared, request: 'of another model' },
  });
  t.like(await begin(planned(), unlike, startMs), { code: 'E_NOT_PREPARED' });
  await using empty = await temporaryFolder();
  const { pool: bare } = await aClaim(empty.path, {});
  t.is((await begin(planned(), bare, startMs)).type, 'Failed');
});
