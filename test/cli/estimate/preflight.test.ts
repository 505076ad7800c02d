import test from 'ava';
import { gpuOf } from '../../../cli/estimate/devices.ts';
import { type Preflight, preflight } from '../../../cli/estimate/preflight.ts';
import { type DecoderFacts, planJob } from '../../../crds/index.ts';
import { llama8b, smol135 } from '../../builders/facts.ts';
import { aSpec, type Changes } from '../../builders/job.ts';

const gib = 2 ** 30;
const { signal } = new AbortController();

const described = (facts: DecoderFacts) => async () => ({
  ...{ version: 1 as const, source: 'owner/model at 01234567', family: 'llama' },
  ...{ format: 'safetensors' as const, contextLength: 8192, storedBytes: { BF16: 1e9 }, facts },
});

const small: Preflight = {
  describe: described(smol135),
  hasVolume: () => false,
  offline: false,
  gpus: async () => [],
};

const processor: Changes = { 'worker.devicesPerWorker': 0 };
const limited = (memory: string): Changes => ({
  ...processor,
  'worker.resources': { limits: { memory } },
});
const inClaim: Changes = {
  ...limited('8Gi'),
  'model.source': { persistentVolumeClaim: { claimName: 'models' } },
};

test('a worker on a processor has what its limit or its request says', async (t) => {
  for (const [changes, limit, fits] of [
    [limited('24Gi'), 24 * gib, true],
    [limited('256Mi'), gib / 4, false],
    [{ ...processor, 'worker.resources': { requests: { memory: '24Gi' } } }, 24 * gib, true],
    [processor, undefined, true],
  ] as const) {
    const found = await preflight(aSpec(changes), small, signal);
    t.like(found, { type: 'Known', limit, fits }, JSON.stringify(changes));
  }
});

test('the numbers are those of the plan', async (t) => {
  const spec = aSpec({
    ...limited('24Gi'),
    'worker.replicas': 2,
    'training.epochs': undefined,
    'training.maxSteps': 30,
  });
  const { memory, totalSteps, tokensPerStep } = planJob({
    ...{ spec, facts: smol135, storedBfloat16: 5e8, ranks: 2, shards: 2 },
    device: { type: 'cpu', bytes: 24 * gib },
  });
  const { parts, peak } = memory;
  const found = await preflight(spec, small, signal);
  t.like(found, { parts, peak, steps: totalSteps, tokensPerStep });
  t.is(totalSteps, 30);
});

test('a job of GPUs is held against the largest of the cluster', async (t) => {
  const large = { ...small, describe: described(llama8b) };
  const on = (...sizes: readonly number[]) =>
    preflight(
      aSpec({ 'worker.devicesPerWorker': 1 }),
      { ...large, gpus: async () => sizes.map(gpuOf) },
      signal,
    );
  t.like(await on(8 * gib), { type: 'Known', limit: 8 * gib, fits: false });
  t.like(await on(8 * gib, 79 * gib), { type: 'Known', limit: 79 * gib, fits: true });
  const nobody = { type: 'Unknown', why: 'no node reports the memory of its GPUs' };
  t.deepEqual(await on(), nobody as never);
  t.deepEqual(await on(0), nobody as never);
});

test('of instances of divided devices those are looked at, unless the file tells their memory', async (t) => {
  const large = { ...small, describe: described(llama8b) };
  const asked: string[] = [];
  const gpus = async (resourceName: string) => {
    asked.push(resourceName);
    return [gpuOf(9 * gib)];
  };
  const mig = {
    'worker.devicesPerWorker': 1,
    'worker.deviceResourceName': 'nvidia.com/mig-1g.10gb',
  };
  t.like(await preflight(aSpec(mig), { ...large, gpus }, signal), { limit: 9 * gib });
  const told = { ...mig, 'worker.deviceMemory': '20Gi' };
  t.like(await preflight(aSpec(told), { ...large, gpus }, signal), { limit: 20 * gib });
  t.deepEqual(asked, ['nvidia.com/mig-1g.10gb']);
});

test('where this machine cannot read the model, nothing is asked and the reason is told', async (t) => {
  const describe = () => t.fail() as never;
  const why = async (changes: Changes, more: Partial<Preflight> = {}) => {
    const found = await preflight(aSpec(changes), { ...small, describe, ...more }, signal);
    return found.type === 'Unknown' ? found.why : 'known';
  };
  t.is(await why(inClaim), 'the model is in the claim models');
  t.is(await why(limited('8Gi'), { offline: true }), 'the model is not on this machine');
  const image = { ...limited('8Gi'), 'model.source': { image: { reference: 'r.example/m:1' } } };
  t.is(await why(image), 'the model is in an image');
});

test('a claim that this machine has too is read, also without a network', async (t) => {
  const here = { ...small, hasVolume: (claim: string) => claim === 'models', offline: true };
  t.like(await preflight(aSpec(inClaim), here, signal), { type: 'Known', fits: true });
});

test('a model that cannot be read is no reason to refuse; an interruption ends it', async (t) => {
  const broken = { ...small, describe: () => Promise.reject(new Error('no such repository')) };
  t.like(await preflight(aSpec(processor), broken, signal), { why: 'no such repository' });
  const stopped = AbortSignal.abort(new Error('stopped'));
  await t.throwsAsync(preflight(aSpec(processor), broken, stopped), { message: 'stopped' });
});
