import test from 'ava';
import { runFiles, runRecord } from '../../../crds/wire/run-folder.ts';
import { runReport } from '../../../crds/wire/run-report.ts';
import { writeRecord } from '../../../worker/run-folder.ts';
import { readPublished } from '../../../worker/supervisor/achieved.ts';
import { aSpec } from '../../builders/job.ts';
import { aReport } from '../../builders/run-report.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const volumes = { notes: '/volumes/notes' };
const digest = `sha256:${'0'.repeat(64)}`;

/** What a pod says of an adapter that was written to `path` and uploaded to `uris`. */
async function said(output: object, path: string, uris?: string[], more: object = {}) {
  await using folder = await temporaryFolder();
  await writeRecord(folder.path, runFiles.run, runRecord, {
    ...{ version: 1, name: 'first', namespace: 'default', folder: folder.path, digest: 'a' },
    spec: aSpec({ output }),
    ...{ volumes, cache: '/cache', device: 'cpu', threads: 1, createdAt: 'now' },
  });
  const artifact = { format: 'PEFTAdapter', path, bytes: 7, digest, ...more };
  const artifacts = [{ ...artifact, ...(uris === undefined ? {} : { uris }) }];
  await writeRecord(folder.path, runFiles.report, runReport, aReport({ artifacts }));
  // Awaited here: behind the last line the folder is gone.
  return await readPublished(folder.path, volumes);
}

const claim = { destination: { persistentVolumeClaim: { claimName: 'notes', path: 'out' } } };
const push = { pushToHub: { repository: 'owner/first' } };

test('a result on a claim is named by the claim, with its digest', async (t) => {
  t.deepEqual(await said(claim, '/volumes/notes/out/adapter'), {
    artifacts: [{ type: 'PEFTAdapter', uri: 'pvc://notes/out/adapter', digest, bytes: 7 }],
  });
});

test('what its evaluation found is told in a word and a line', async (t) => {
  const evaluation = { profile: 'Disabled', checks: [], findings: [], leftOut: [], seconds: 0 };
  const { artifacts } = await said(claim, '/volumes/notes/out/adapter', undefined, { evaluation });
  t.like(artifacts[0], {
    ...{ verdict: 'Disabled', evaluation: 'disabled, by spec.evaluation.profile' },
  });
});

test('a result on a claim and on a hub has both places', async (t) => {
  const words = await said({ ...claim, ...push }, '/volumes/notes/out/adapter', ['hf://o/n@c']);
  t.deepEqual(
    words.artifacts.map(({ uri }) => uri),
    ['pvc://notes/out/adapter', 'hf://o/n@c'],
  );
});

test('the copy in the run, from which was uploaded, is no place that anybody was promised', async (t) => {
  const path = '/volumes/notes/.anneal/runs/first/artifacts/adapter';
  const bucket = { destination: { s3: { uri: 's3://out/first' } } };
  const inBucket = await said({ ...bucket, ...push }, path, [
    's3://out/first/adapter',
    'hf://o/n@c',
  ]);
  t.deepEqual(
    inBucket.artifacts.map(({ uri }) => uri),
    ['s3://out/first/adapter', 'hf://o/n@c'],
  );
  const onHub = await said(push, path, ['hf://o/n@c']);
  t.deepEqual(
    onHub.artifacts.map(({ uri }) => uri),
    ['hf://o/n@c'],
  );
});
