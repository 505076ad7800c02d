// The first codes of a toy by its outputs: how much nearer they are than codes of the weights, what
// they are without rounds and updates, and that they hold for any number of threads.
import test from 'ava';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { BlockWalk } from '../../../worker/engine/block-walk.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import { chooseCodes } from '../../../worker/methods/weights/choose-codes.ts';
import { type CodebookMatrix, decodeCodebook } from '../../../worker/methods/weights/codebook.ts';
import {
  type CodebookSettings,
  calibrateCodebooks,
} from '../../../worker/quantize/calibrated-codebooks.ts';
import { streamGap } from '../../../worker/quantize/stream-gap.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { setThreads, threads } from '../../../worker/tensor/threads.ts';
import { toyCodebook } from '../../builders/pv-tuning.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';

const hosts = Array.from({ length: 6 }, (_, i) =>
  aSequence([countUp(7 * i, 20), countUp(3 * i, 9)]),
);
const nothing: CodebookSettings = {
  ...{ choice: toyCodebook, fit: { rounds: 0, descents: 0 }, updates: 0 },
};
const rounds: CodebookSettings = { ...nothing, fit: { rounds: 2, descents: 6 } };
const whole: CodebookSettings = { ...rounds, updates: 30 };

function theModel(): Model {
  return aToyModel({ name: 'llama', config: { num_hidden_layers: 4 } });
}

const seed = ({ path }: { readonly path: string }) => streamOf(5, 'calibrated', path);

type Found = ReadonlyMap<string, CodebookMatrix>;

function found(model: Model, settings: CodebookSettings): Found {
  const byPath = new Map<string, CodebookMatrix>();
  const calibrated = {
    ...{ model, layers: linearLayers(model.config), streamOf: seed },
    sequences: hosts.map((host) => toSequence(model, host)),
    weightOf: ({ path }: { readonly path: string }) =>
      ops.clone(model.parameters.value(`${path}.weight`)),
    take(path: string, { codes, codebooks, scales }: CodebookMatrix) {
      const copy = (of: Tensor): Tensor => keep(ops.clone(of));
      byPath.set(path, { codes: copy(codes), codebooks: copy(codebooks), scales: copy(scales) });
    },
  };
  for (const _ of calibrateCodebooks(calibrated, settings));
  return byPath;
}

function ends(model: Model): readonly Tensor[] {
  using walk = new BlockWalk(
    model,
    hosts.map((host) => toSequence(model, host)),
  );
  return walk.finish().map((stream) => ops.clone(stream));
}

/** How far the streams behind the last block are from those of the trained model. */
function gapOf(settings: CodebookSettings): number {
  const model = theModel();
  using parameters = model.parameters;
  return scope(() => {
    const exact = ends(model);
    for (const [path, matrix] of found(model, settings)) {
      parameters.change(`${path}.weight`, () => decodeCodebook(matrix, 'float32'));
    }
    return ends(model).reduce((sum, stream, a) => sum + streamGap(stream, exact[a]!), 0);
  });
}

test('rounds of fitting leave outputs nearer than codes of the weights, and updates nearer still', (t) => {
  const [weights, fitted, trained] = [nothing, rounds, whole].map(gapOf);
  t.log(weights, fitted, trained);
  t.true((fitted ?? 1) < 0.6 * (weights ?? 0));
  t.true((trained ?? 1) < 0.8 * (fitted ?? 0));
});

test('without rounds and updates, codes are those of the weights, to the bit', (t) => {
  const model = theModel();
  using parameters = model.parameters;
  scope(() => {
    const all = found(model, nothing);
    t.is(all.size, 7 * 4);
    for (const [path, matrix] of all) {
      const chosen = chooseCodes(parameters.value(`${path}.weight`), toyCodebook, seed({ path }));
      for (const part of ['codes', 'codebooks', 'scales'] as const) {
        t.deepEqual(toBytes(matrix[part]), toBytes(chosen[part]), `${path} ${part}`);
      }
    }
  });
});

test('the model is the trained one again behind it, and nothing stays alive', (t) => {
  const model = theModel();
  using _parameters = model.parameters;
  scope(() => {
    const exact = ends(model);
    const before = liveHandles();
    scope(() => {
      for (const matrix of found(model, whole).values()) {
        for (const part of Object.values(matrix) as Tensor[]) part.dispose();
      }
    });
    model.parameters.disposeMade();
    t.is(liveHandles(), before);
    for (const [a, stream] of ends(model).entries()) {
      t.deepEqual(toBytes(stream), toBytes(exact[a]!));
    }
  });
});

test('the same codes and vectors for any number of threads', (t) => {
  const before = threads();
  t.teardown(() => setThreads(before));
  const [one, ...others] = [1, 2, 3].map((count) => {
    setThreads(count);
    const model = theModel();
    using _parameters = model.parameters;
    return scope(() =>
      [...found(model, whole).values()].flatMap((matrix) =>
        (Object.values(matrix) as Tensor[]).map(toBytes),
      ),
    );
  });
  for (const other of others) t.deepEqual(other, one);
});
