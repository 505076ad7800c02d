import { readFileSync } from 'node:fs';
import test from 'ava';
import { clientJob, privacyOf } from '../../../cli/federation/client-job.ts';
import { fineTuneJobSpec, resolveMethod } from '../../../crds/index.ts';
import { parseFederation } from '../../../crds/manifest/federation.ts';

const example = new URL('../../../crds/federations/three-clients.yaml', import.meta.url);
const { spec } = parseFederation(readFileSync(example, 'utf8'), 'three-clients.yaml');
const [north, south] = spec.clients;

test('a client trains the template on its own records and holds none out', (t) => {
  if (north === undefined) return t.fail();
  const job = clientJob(spec, north, 2, 'somewhere');
  t.deepEqual(job.dataset.train, { local: { path: 'north.json' } });
  t.deepEqual(
    [job.dataset.heldOut, job.dataset.eval, job.dataset.maxSamples],
    [undefined, undefined, undefined],
  );
  t.is(clientJob(spec, { ...north, maxSamples: 7 }, 2, 'x').dataset.maxSamples, 7);
  t.deepEqual(job.output.destination, { local: { path: 'somewhere' } });
  t.true(fineTuneJobSpec.safeParse(job).success);
});

test('rounds differ in order and draws, clients in draws, and a round repeats', (t) => {
  if (north === undefined || south === undefined) return t.fail();
  const of = (client: typeof north, round: number) => clientJob(spec, client, round, 'x');
  t.is(of(north, 2).dataset.shuffleSeed, of(north, 1).dataset.shuffleSeed + 1);
  t.not(of(north, 2).training.seed, of(north, 1).training.seed);
  t.not(of(north, 1).training.seed, of(south, 1).training.seed);
  t.deepEqual(of(north, 1), of(north, 1));
});

test('a rank of its own replaces that of the template', (t) => {
  if (north === undefined) return t.fail();
  const template = { ...spec.template, method: { preset: 'LoRA' as const } };
  const job = clientJob({ ...spec, template }, { ...north, rank: 3 }, 1, 'x');
  const { adapter } = resolveMethod(job.method);
  t.is(adapter.type === 'LoRA' ? adapter.lora.rank : 0, 3);
});

test('what a client spends in a round follows from public numbers alone', (t) => {
  const file = new URL('../../../crds/federations/private-clients.yaml', import.meta.url);
  const { spec: secret } = parseFederation(readFileSync(file, 'utf8'), 'private-clients.yaml');
  const [, other] = secret.clients;
  if (north === undefined || other === undefined || secret.privacy === undefined) return t.fail();
  t.deepEqual(privacyOf(secret, other), {
    records: 2000,
    privacy: {
      ...{ clip: 0.1, rate: 32 / 2000, batch: 32, delta: 1e-5, targetEpsilon: 4, rounds: 3 },
      ...{ steps: 20, maxEpsilon: 8, testSeed: undefined },
    },
  });
  const { delta: _, ...privacy } = secret.privacy;
  const many = privacyOf({ ...secret, privacy }, { ...other, records: 50_000 });
  t.is(many.privacy?.delta, 1 / 500_000);
  t.is(privacyOf({ ...secret, privacy }, { ...other, records: 50 }).privacy?.delta, 1e-5);
  t.deepEqual(privacyOf(spec, north), {});
});
