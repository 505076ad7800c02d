// How far an artefact is from the trained model, token by token: both read the same sequences, and
// their distributions at each target token are compared. Logits exist for a panel of rows only.
import { setImmediate } from 'node:timers/promises';
import { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import { noSides } from '../engine/network.ts';
import { type HostSequence, type PackedSequence, toSequence } from '../engine/packed-sequence.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, toArray } from '../tensor/tensor.ts';
import { checkTokens } from './check-sequence.ts';
import type { TokenScores } from './divergence-statistics.ts';

interface Both {
  readonly trained: Model;
  /** As its files have it. */
  readonly artifact: Model;
}

/** `before` is called for each sequence, with the tokens so far, and may throw to stop. */
export async function tokenScores(
  both: Both,
  sequences: readonly HostSequence[],
  before: (tokens: number) => void,
): Promise<TokenScores> {
  const trained: number[] = [];
  const artifact: number[] = [];
  const divergence: number[] = [];
  const agrees: boolean[] = [];
  const documents: number[] = [];
  let tokens = 0;
  for (const host of sequences) {
    // A request to stop is received here.
    await setImmediate();
    before(tokens);
    const found = scope(() => sequenceScores(both, host));
    for (const panel of found) {
      trained.push(...panel.trained);
      artifact.push(...panel.artifact);
      divergence.push(...panel.divergence);
      agrees.push(...panel.agrees);
    }
    documents.push(...targetsOf(host));
    tokens += host.ids.length;
  }
  return { trained, artifact, divergence, agrees, documents };
}

/** Target tokens of each document. */
function targetsOf({ labels, offsets }: HostSequence): readonly number[] {
  return Array.from({ length: offsets.length - 1 }, (_, document) => {
    const own = labels.subarray(offsets[document], offsets[document + 1]);
    return own.reduce((count, label) => (label < 0 ? count : count + 1), 0);
  });
}

type Panel = Omit<TokenScores, 'documents'>;

function sequenceScores({ trained, artifact }: Both, host: HostSequence): readonly Panel[] {
  const [a, b] = [trained, artifact].map((model) => {
    const sequence = toSequence(model, host);
    return { model, sequence, states: targetStates(model, sequence) };
  }) as [Read, Read];
  const count = host.targetCount;
  const panels: Panel[] = [];
  for (let start = 0; start < count; start += checkTokens) {
    const size = Math.min(checkTokens, count - start);
    const part = ({ model, sequence, states }: Read) => ({
      z: model.network.logits(model, ops.narrow(states, 0, start, size)),
      labels: ops.unsqueeze(ops.narrow(sequence.labels, 0, start, size), 1),
    });
    panels.push(scope(() => panelScores(part(a), part(b))));
  }
  return panels;
}

interface Read {
  readonly model: Model;
  readonly sequence: PackedSequence;
  /** What the logits of the targets are computed of. */
  readonly states: Tensor;
}

function targetStates(model: Model, sequence: PackedSequence): Tensor {
  return scope(() => {
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [x] = walk.finish();
    return model.network.targetStates(model, x as Tensor, sequence, walk.sides[0] ?? noSides);
  });
}

interface Logits {
  readonly z: Tensor;
  readonly labels: Tensor;
}

/** Uses the logits up: three tensors of their size exist at most. */
function panelScores(a: Logits, b: Logits): Panel {
  const same = ops.eq(ops.argmax(a.z, -1), ops.argmax(b.z, -1));
  const [p, q] = [a, b].map(({ z }) => ops.sub_(z, ops.logsumexp(z, [-1], true))) as [
    Tensor,
    Tensor,
  ];
  const nllOf = (logs: Tensor) => toArray(ops.neg(ops.gather(logs, -1, a.labels)));
  const [trained, artifact] = [nllOf(p), nllOf(q)];
  const gap = ops.sub_(q, p);
  const sums = toArray(ops.sumDim(ops.mul_(ops.exp_(p), gap), [-1]));
  const divergence = sums.map((sum) => 0 - sum);
  return { trained, artifact, divergence, agrees: toArray(same).map(Boolean) };
}
