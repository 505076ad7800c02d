// What adapters begin with, against PEFT's own initialisation of the same weights.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  openSafetensors,
  type SafetensorsFile,
  writeSafetensors,
} from '../../worker/files/safetensors.ts';
import { kasa } from '../../worker/methods/adapters/kasa.ts';
import { loraGa } from '../../worker/methods/adapters/lora-ga.ts';
import { pissa } from '../../worker/methods/adapters/pissa.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import { item, type Tensor } from '../../worker/tensor/tensor.ts';
import { fromGradient, fromWeight } from '../builders/initial-factors.ts';
import { askPeer } from './ask-peer.ts';

const shapes = { tall: [48, 20], wide: [20, 48], square: [24, 24] } as const;
const rank = 6;
const alpha = 9;

/** Singular values that are well apart: vectors of equal ones are anybody's choice. */
function weight(name: string, shape: readonly number[]): Tensor {
  const [U, S, V] = ops.linalgSvd(normal(shape, 1, streamOf(5, name), 'float32'), false);
  const falling = ops.exp(ops.mulScalar(ops.arange(0, S.numel, 1, { dtype: 'float32' }), -0.3));
  return ops.contiguous(ops.mm(ops.mul(U, falling), V));
}

interface Peer extends AsyncDisposable {
  readonly given: SafetensorsFile;
  /** `NAME.A`, `NAME.B` and `NAME.rest` of each weight. */
  readonly answered: SafetensorsFile;
}

/** What PEFT makes of the weights. */
async function askForFactors(config: Readonly<Record<string, unknown>>): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-initial-'));
  await using made = new AsyncDisposableStack();
  made.defer(() => rm(folder, { recursive: true, force: true }));
  const [asked, told] = ['given', 'answered'].map((each) =>
    join(folder, `${each}.safetensors`),
  ) as [string, string];
  const weights = scope(
    () => new Map(Object.entries(shapes).map(([name, shape]) => [name, weight(name, shape)])),
  );
  await writeSafetensors(asked, weights);
  const all = { r: rank, lora_alpha: alpha, ...config };
  await askPeer('initial_factors_peer.py', [asked, told, JSON.stringify(all)]);
  const given = made.use(openSafetensors(asked));
  const answered = made.use(openSafetensors(told));
  const kept = made.move();
  return { given, answered, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Ours: float32 on their side, on values of size 1. */
function near(t: ExecutionContext, what: string, ours: Tensor, theirs: Tensor): void {
  const gap = item(ops.amax(ops.abs(ops.sub(ours, theirs))));
  t.true(gap < 1e-4, `${what}: ${gap}`);
}

const model = { L: 1, NH: 1, NK: 1, D: 1, I: 1 };
const common = {
  rank,
  alpha,
  dropout: 0,
  targets: () => true,
  seed: 1n,
  dtype: 'float32',
} as const;
const layers = Object.entries(shapes).map(([path, [out, inputs]]) => {
  return { path, layer: 0, role: 'q', out, in: inputs, model } as const;
});

test('PiSSA begins with the matrices of PEFT, up to the sign of each component', async (t) => {
  await using peer = await askForFactors({ init_lora_weights: 'pissa' });
  const adapter = pissa({ ...common, directions: 'Exact' });
  for (const layer of layers) {
    scope(() => {
      const { path } = layer;
      const W = peer.given.load(path);
      const found = adapter.decompose!(layer, fromWeight(W));
      const [A, B] = [found['lora_A.weight']!, found['lora_B.weight']!];
      const [peerA, peerB] = ['A', 'B'].map((each) => peer.answered.load(`${path}.${each}`));
      near(t, `${path} product`, ops.mm(B, A), ops.mm(peerB!, peerA!));
      const signs = ops.unsqueeze(ops.sign(ops.sumDim(ops.mul(A, peerA!), [1])), 1);
      near(t, `${path} A`, A, ops.mul(peerA!, signs));
      near(t, `${path} B`, B, ops.mul(peerB!, ops.t(signs)));
      const rest = ops.sub(W, ops.mm(B, A), { alpha: alpha / rank });
      near(t, `${path} rest`, rest, peer.answered.load(`${path}.rest`));
    });
  }
});

test('LoRA-GA begins in the singular vectors that PEFT finds in a gradient, without the singular values that PEFT multiplies B by', async (t) => {
  const gamma = 16;
  const lora_ga_config = { direction: 'ArB2r', scale: 'stable', stable_gamma: gamma };
  await using peer = await askForFactors({ init_lora_weights: 'lora_ga', lora_ga_config });
  const adapter = loraGa({ ...common, gamma, directions: 'Exact' });
  for (const layer of layers) {
    scope(() => {
      const { path, out } = layer;
      const found = adapter.decompose!(layer, fromGradient(peer.given.load(path)));
      const c = out ** 0.25 / Math.sqrt(gamma);
      const ours = ['A', 'B'].map((each) => ops.mulScalar(found[`lora_${each}.weight`]!, 1 / c));
      const [peerA, peerB] = ['A', 'B'].map((each) => peer.answered.load(`${path}.${each}`));
      const sizes = ops.sqrt(ops.sumDim(ops.mul(peerB!, peerB!), [0]));
      t.true(item(ops.amax(sizes)) > 3 * item(ops.amin(sizes)), path);
      for (const [name, rows, theirs] of [
        ['A', ours[0]!, peerA!],
        ['B', ops.t(ours[1]!), ops.t(ops.div(peerB!, sizes))],
      ] as const) {
        const signs = ops.unsqueeze(ops.sign(ops.sumDim(ops.mul(rows, theirs), [1])), 1);
        near(t, `${path} ${name}`, rows, ops.mul(theirs, signs));
      }
    });
  }
});

test('KaSA takes from each weight what PEFT takes', async (t) => {
  await using peer = await askForFactors({ kasa_config: {} });
  const adapter = kasa({ ...common, beta: 0, gamma: 0 });
  for (const layer of layers) {
    scope(() => {
      const W = peer.given.load(layer.path);
      const found = adapter.decompose!(layer, fromWeight(W));
      const part = adapter.takesOver!(layer, (suffix) => found[suffix]!);
      t.deepEqual([part.left.shape[1], part.right.shape[0], part.scale], [rank, rank, 1]);
      const rest = ops.sub(W, ops.mm(part.left, part.right));
      near(t, layer.path, rest, peer.answered.load(`${layer.path}.rest`));
      // What goes is larger than what the comparison lets pass.
      t.true(item(ops.amax(ops.abs(ops.mm(part.left, part.right)))) > 1e-3, layer.path);
    });
  }
});
