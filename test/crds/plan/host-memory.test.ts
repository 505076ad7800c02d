import test from 'ava';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { planHost } from '../../../crds/plan/host-memory.ts';
import { type MemoryQuestion, planFor, type TapeMode } from '../../../crds/plan/memory.ts';
import { stagesOf } from '../../../crds/plan/memory-question.ts';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { llama8b, smol135 } from '../../builders/facts.ts';
import { aSpec } from '../../builders/job.ts';

function ask(changes: Partial<MemoryQuestion> = {}): MemoryQuestion {
  return {
    ...{ facts: smol135, method: resolveMethod({ preset: 'LoRA' }), microBatchTokens: 512 },
    ...{ perWave: 4, waves: 1, shards: 1, clip: 'Global', recomputation: 'Auto' },
    ...{ targetShare: 0.7, device: { type: 'cuda', bytes: 80 * 2 ** 30 } },
    ...changes,
  };
}

const all = (mode: TapeMode, { facts }: MemoryQuestion) => new Array<TapeMode>(facts.L).fill(mode);

test('while a device trains, its host holds no weights, however large the model is', (t) => {
  const [small, large] = [ask(), ask({ facts: llama8b })].map(
    (one) => planHost(one, all('keep', one)).peak,
  );
  t.is(small, large);
  t.true(small! < 2 * 2 ** 30);
});

test('inputs of offloaded blocks are on the host and not on the device', (t) => {
  const one = ask({ perWave: 16 });
  const inputs = smol135.L * 16 * 512 * smol135.H * 2;
  const host = (mode: TapeMode) => planHost(one, all(mode, one)).peak;
  t.is(host('offload') - host('recompute'), inputs);
  const device = (mode: TapeMode) => planFor(one, all(mode, one)).peak;
  t.true(device('recompute') - device('offload') > 0.9 * inputs);
});

test('what several workers exchange waits on the host', (t) => {
  const host = (shards: number) => {
    const one = ask({ shards, method: resolveMethod({ preset: 'Full' }) });
    return planHost(one, all('keep', one)).peak;
  };
  // Two gathered blocks at least, in bfloat16.
  const block = 2 * parametersOf(smol135).blockMatrices;
  t.true(host(2) - host(1) > 2 * block);
});

test('the process that writes the result computes on the processor, whatever trained it', (t) => {
  const stages = stagesOf(aSpec({ 'output.formats': ['MergedSafetensors'] }), 512, 512);
  const one = ask({ stages, facts: llama8b });
  const host = planHost(one, all('keep', one));
  const device = { ...one.device, type: 'cpu' as const };
  const processor = planFor({ ...one, device }, all('keep', one));
  const publish = processor.stages.find(({ stage }) => stage === 'Publish');
  t.truthy(publish);
  t.deepEqual(
    host.stages.find(({ stage }) => stage === 'Publish'),
    publish,
  );
  t.is(host.peak, publish!.peak);
});
