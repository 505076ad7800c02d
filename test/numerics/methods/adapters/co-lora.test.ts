// CoLoRA: contributions of layers add up to the change of the loss, the layer that has to change
// gets the largest rank, and the budget of values is kept. On decoders and on convolutions.
import { tmpdir } from 'node:os';
import test from 'ava';
import { adapterShape } from '../../../../crds/methods/adapter-traits.ts';
import { resolveMethod } from '../../../../crds/methods/resolve.ts';
import type { TapeMode } from '../../../../crds/plan/memory-question.ts';
import { trainedOf } from '../../../../crds/plan/parameters.ts';
import { factsOf } from '../../../../worker/decoder/registry.ts';
import { adaptedLayers } from '../../../../worker/engine/adapted-layers.ts';
import type { ModelSource } from '../../../../worker/engine/build-model.ts';
import type { HostSequence } from '../../../../worker/engine/packed-sequence.ts';
import { alone } from '../../../../worker/engine/world.ts';
import { coLora } from '../../../../worker/methods/adapters/co-lora.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { Contributions } from '../../../../worker/train/contributions.ts';
import type { Probed } from '../../../../worker/train/probe-adapters.ts';
import { countUp, toySource } from '../../../builders/toy-training.ts';
import { aSequence } from '../../../builders/training.ts';
import { pairSequence, restorationSource } from '../../../toy/restoration.ts';

interface Case {
  readonly source: ModelSource;
  readonly host: HostSequence;
}

const cases: Readonly<Record<string, Case>> = {
  'a decoder': { source: toySource({}), host: aSequence([countUp(0, 14), countUp(5, 9)]) },
  convolutions: {
    source: restorationSource({ num_feat: 16 }),
    host: pairSequence([1, 2], { height: 8, width: 8 }),
  },
};

const settings: Parameters<typeof coLora>[0] = {
  ...{ rank: 8, alpha: 16, dropout: 0, targets: () => true, seed: 7n, dtype: 'float64' },
  ...{ ratio: 0.2, probeSteps: 6, intervals: 4 },
};

function measured(
  { source, host }: Case,
  changes: Partial<Parameters<typeof coLora>[0]> = {},
): Contributions {
  const { contribution, ...adapter } = coLora({ ...settings, ...changes });
  if (contribution === undefined) throw new Error('it measures nothing');
  const of: Probed = {
    ...{ source, device: 'cpu', group: null, folder: tmpdir(), world: alone },
    options: { dtype: 'float64', adapter: null, sequenceLength: 64 },
    modes: new Array<TapeMode>(source.config.L).fill('keep'),
    layers: adaptedLayers(source.config, adapter),
    batchAt: () => ({
      ...{ sequences: [host], targetTokens: host.targetCount, tokens: host.ids.length, epoch: 0 },
    }),
  };
  const found = new Contributions({ ...of, contribution });
  for (let index = 0; index < found.passes; index += 1) found.pass(index);
  return found;
}

/** How far the contributions are from the change of the loss, relative to that. */
function missed({ all, losses }: Contributions): number {
  const change = (losses.at(-1) ?? 0) - (losses[0] ?? 0);
  return Math.abs(all.reduce((sum, own) => sum + own, 0) / change - 1);
}

for (const [name, each] of Object.entries(cases)) {
  test(`contributions add up to the change of the loss: ${name}`, (t) => {
    using found = measured(each, { intervals: 16 });
    const [first = 0, last = 0] = [found.losses[0], found.losses.at(-1)];
    t.is(found.losses.length, 17);
    t.true(last < first, `${first} to ${last}: the probes learn`);
    t.true(missed(found) < 0.02, `${missed(found)}`);
  });

  test(`ranks keep the budget, and the plan counts it: ${name}`, (t) => {
    using found = measured(each);
    const ranks = found.ranks();
    t.true(new Set(ranks).size > 1, `${ranks}`);
    const layers = adaptedLayers(each.source.config, coLora(settings));
    const spent = ranks.reduce((sum, own, i) => {
      const { out = 0, in: inputs = 0 } = layers[i] ?? {};
      return sum + own * (out + inputs);
    }, 0);
    const weights = layers.reduce((sum, { out, in: inputs }) => sum + out * inputs, 0);
    t.true(spent <= settings.ratio * weights);
    const method = resolveMethod({
      adapter: { type: 'CoLoRA', coLora: { rank: 8, ratio: '0.2' } },
    });
    const facts = factsOf(each.source.config);
    t.is(adapterShape(method, facts)?.dropout, 0);
    const { adapter } = trainedOf(facts, method);
    t.true(adapter >= spent && adapter <= Math.ceil(settings.ratio * weights));
  });
}

// The trapezoid rule: its error falls with the square of the parts. Cross entropy has a third
// derivative everywhere, a mean of absolute values has not.
test('with twice the parts of the way a quarter of the error is left', (t) => {
  const errors = [8, 16, 32].map((intervals) => {
    using found = measured(cases['a decoder'] as Case, { intervals, probeSteps: 20 });
    return missed(found);
  });
  t.log(errors.join(', '));
  for (const [i, error] of errors.slice(1).entries()) {
    const left = error / (errors[i] ?? 0);
    t.true(left > 0.2 && left < 0.3, `${left}`);
  }
});

test('layers that the loss depends on get the ranks, and others one', (t) => {
  const source = toySource({});
  // Nothing that v_proj and up_proj of blocks 0 and 2 compute gets further.
  const cut = /layers\.[02]\.(self_attn\.o_proj|mlp\.down_proj)\.weight$/;
  const broken: ModelSource = {
    ...source,
    load(name, dtype) {
      const weight = source.load(name, dtype);
      return cut.test(name) ? ops.zerosLike(weight) : weight;
    },
  };
  const changes = { targets: (path: string) => /(v|up)_proj$/.test(path), rank: 16 };
  const { host } = cases['a decoder'] as Case;
  using found = measured({ source: broken, host }, changes);
  const layers = adaptedLayers(source.config, coLora({ ...settings, ...changes }));
  const ranks = found.ranks();
  t.log(layers.map(({ path }, i) => `${path} ${found.all[i]} ${ranks[i]}`).join('\n'));
  for (const [i, { layer }] of layers.entries()) {
    t.is((found.all[i] ?? 0) === 0, layer !== 1);
    t.true(layer === 1 ? (ranks[i] ?? 0) >= 3 : ranks[i] === 1);
  }
});
