import test from 'ava';
import {
  type ChildJob,
  dataLocationsOf,
  outsideOfPod,
  uriOf,
} from '../../../cli/jobs/data-locations.ts';
import type { Changes } from '../../builders/job.ts';
import { aListedJob } from '../../builders/listed-job.ts';

const child = (folder: string): ChildJob => ({
  spec: {
    template: {
      spec: { containers: [{ image: 'i', env: [{ name: 'ANNEAL_RUN_FOLDER', value: folder }] }] },
    },
  },
});

function locations(folder: string, uris: readonly string[] = [], spec: Changes = {}) {
  const artifacts = uris.map((uri) => ({ type: 'PEFTAdapter' as const, uri, bytes: 1 }));
  const { volumes, elsewhere } = dataLocationsOf(
    aListedJob({ uid: '0123456789ab', spec, status: { artifacts } }),
    folder === '' ? [] : [child(folder), child(folder)],
  );
  return { volumes: volumes.map(uriOf), elsewhere };
}

test('the folder of the run, checkpoints elsewhere and results are the data of a job', (t) => {
  t.deepEqual(
    locations(
      '/volumes/notes/.anneal/runs/first-01234567',
      ['pvc://notes/out/adapter', 's3://b/k'],
      {
        'checkpoint.destination': {
          persistentVolumeClaim: { claimName: 'saves', path: 'deep/er' },
        },
      },
    ),
    {
      volumes: [
        'pvc://notes/.anneal/runs/first-01234567',
        'pvc://saves/deep/er/first-01234567',
        'pvc://notes/out/adapter',
      ],
      elsewhere: ['s3://b/k'],
    },
  );
});

test('a run on the disk of a node, and a claim that goes with the job, need no removing', (t) => {
  t.deepEqual(locations('/var/cache/anneal/run').volumes, []);
  const template = { 'storage.data': { volumeClaimTemplate: { size: '1Gi' } } };
  t.deepEqual(
    locations('/volumes/first-data/.anneal/runs/first-01234567', [], template).volumes,
    [],
  );
});

for (const uri of ['pvc://notes/', 'pvc://notes', 'pvc://notes/.', 'pvc://notes/a/../..']) {
  test(`a whole volume is never removed: ${uri}`, (t) => {
    t.deepEqual(locations('', [uri]), { volumes: [], elsewhere: [uri] });
  });
}

for (const folder of ['/volumes/notes', '/volumes/notes/', '/volumes/notes/../other', '/etc']) {
  test(`nor is it where a Job says that the run is: ${folder}`, (t) => {
    t.deepEqual(locations(folder).volumes, []);
  });
}

test('a folder of a pod is told by its claim, any other path as it is', (t) => {
  t.is(outsideOfPod('/volumes/notes/out/step-3'), 'pvc://notes/out/step-3');
  t.is(outsideOfPod('/var/cache/anneal/run'), '/var/cache/anneal/run');
  t.is(outsideOfPod('pvc://notes/out'), 'pvc://notes/out');
});
