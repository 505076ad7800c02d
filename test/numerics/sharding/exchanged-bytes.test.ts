// The plan of what ranks exchange in a step beside what a step does: a world of one rank gathers
// and sums as any other world, and its collectives are counted.
import { randomUUID } from 'node:crypto';
import test from 'ava';
import { freePort } from '../../../cli/client/free-port.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { exchangedBytes } from '../../../crds/plan/exchanged-bytes.ts';
import type { MemoryQuestion } from '../../../crds/plan/memory-question.ts';
import { freshState } from '../../../worker/checkpoint/trainer-state.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import { ProcessGroup } from '../../../worker/sharding/process-group.ts';
import { train } from '../../../worker/train/loop.ts';
import { countUp, Training, type TrainingOptions, toySource } from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';

const config = { hidden_size: 64, intermediate_size: 96, num_hidden_layers: 5 };

interface Counted {
  readonly weights: number;
  readonly gradients: number;
}

/** Bytes of the last of three steps: a first one has nothing whole from the step before. */
async function counted(options: TrainingOptions): Promise<Counted> {
  const store = { host: '127.0.0.1', port: await freePort() };
  const alone = { rank: 0, size: 1, store, address: '127.0.0.1', timeoutMs: 60_000 };
  using group = ProcessGroup.join({ name: randomUUID(), ...alone });
  let now: Counted = { weights: 0, gradients: 0 };
  let step = now;
  const { allGather, reduceScatter } = group;
  group.allGather = (whole, share) => {
    now = { ...now, weights: now.weights + whole.numel };
    return allGather.call(group, whole, share);
  };
  group.reduceScatter = (share, whole) => {
    now = { ...now, gradients: now.gradients + 4 * whole.numel };
    return reduceScatter.call(group, share, whole);
  };
  const batches = [[aSequence([countUp(0, 12)])]];
  using training = new Training({ ...options, config, batches, group, plan: { totalSteps: 3 } });
  await train(
    {
      ...training.parts,
      emit(message) {
        if (message.type !== 'step') return;
        step = now;
        now = { weights: 0, gradients: 0 };
      },
    },
    freshState,
  );
  return step;
}

/** Of two ranks, each of which receives half of what is gathered or summed. */
function planned(method: object): Counted {
  const question = {
    facts: factsOf(toySource({ config }).config),
    method: resolveMethod({ precision: { type: 'Float32' }, ...method } as never),
    shards: 2,
  };
  const { weights, gradients } = exchangedBytes(question as unknown as MemoryQuestion);
  return { weights: 2 * weights, gradients: 2 * gradients };
}

/** A vector of 64 values lies in a cell of 256. */
const beside = 256 - 64;

test('all weights: gathered forward and back, but for those still whole, and summed once', async (t) => {
  const [found, plan] = [await counted({}), planned({ preset: 'Full' })];
  // Five blocks and then three, with two vectors each; and the norm before the head.
  t.is(found.weights - plan.weights, 4 * beside * (8 * 2 + 1));
  t.is(found.gradients - plan.gradients, 4 * beside * (5 * 2 + 1));
});

test('an adapter: frozen weights are gathered too, and gradients of the adapter alone are summed', async (t) => {
  const adapter = lora({
    ...{ rank: 4, alpha: 8, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float32' },
  });
  const found = await counted({ adapter });
  const plan = planned({ preset: 'LoRA', adapter: { type: 'LoRA', lora: { rank: 4 } } });
  // Factors of 128 or 384 values of the layers that are 32 or 96 wide.
  const besideFactors = 5 * 128;
  // Two frozen blocks are still whole from the step before.
  t.is(found.weights - plan.weights, 4 * (beside * (6 * 2 + 1) + 8 * besideFactors));
  t.is(found.gradients - plan.gradients, 4 * 5 * besideFactors);
});
