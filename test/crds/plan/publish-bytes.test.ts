// The memory of publishing an adapter, against counts by hand.
import test from 'ava';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { shareOf } from '../../../crds/methods/s2ft.ts';
import { trainedOf } from '../../../crds/plan/parameters.ts';
import { publishStage } from '../../../crds/plan/publish-bytes.ts';
import { smol135 } from '../../builders/facts.ts';

const { L, H, I } = smol135;

function published(method: object): { readonly peak: number; readonly saved: number } {
  const resolved = resolveMethod(method);
  const [stage] = publishStage({
    ...{ facts: smol135, method: resolved, microBatchTokens: 512, perWave: 1, waves: 1, shards: 1 },
    ...{ clip: 'Global', recomputation: 'None', targetShare: 1 },
    stages: { formats: ['PEFTAdapter'], ggufType: 'F32' },
    device: { type: 'cpu', bytes: 2 ** 34 },
  });
  const { adapter, adapterKept } = trainedOf(smol135, resolved);
  return { peak: stage?.peak ?? Number.NaN, saved: adapter + adapterKept };
}

test('a file of chosen columns has a row of its input for each, when it is read back', (t) => {
  const down = { downRatio: '0.5' };
  const half = published({ preset: 'S2FT', adapter: { type: 'S2FT', s2ft: down } });
  const least = published({
    preset: 'S2FT',
    adapter: { type: 'S2FT', s2ft: { downRatio: '1e-9' } },
  });
  const channels = shareOf('0.5', L * I);
  t.is(half.saved, channels * (H + 1));
  // The model has them once, its copy once more; one channel is in both plans.
  const more = (channels - 1) * (H + 1);
  t.is(half.peak - least.peak, 4 * (2 * more + (channels - 1) * I));
});

test('trained values of channels are those of all layers, to the value', (t) => {
  for (const [ratio, count] of [
    ['0.03', Math.floor(0.03 * L * I)],
    ['1e-9', 1],
    ['1', L * I],
  ] as const) {
    const method = resolveMethod({
      preset: 'S2FT',
      adapter: { type: 'S2FT', s2ft: { downRatio: ratio } },
    });
    t.is(trainedOf(smol135, method).adapter, count * H, ratio);
  }
});
