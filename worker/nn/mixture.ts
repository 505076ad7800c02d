// A mixture of experts in place of an MLP: experts share its weights, and differ by what an adapter
// adds to them. Each token goes to the k experts of the largest probability, of equal ones to the
// first.
//
// Shapes: T tokens · H hidden size · I MLP size · N experts · R = k T rows, sorted by expert and
//         then by token
import { branchOf, type Delta } from '../methods/adapters/delta.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { indices, type Tensor, tensor, toArray } from '../tensor/tensor.ts';
import type { Routing } from './inside.ts';
import { type LinearTensors, linear } from './linear.ts';

export interface Mixture {
  /** `[N, H]`, in float32 at least, in which tokens are routed. */
  readonly router: Tensor;
  /** k. */
  readonly chosen: number;
  /** What an expert adds to the linear layer of this name, e.g. `up_proj`; null for nothing. */
  delta(expert: number, name: string): Delta | null;
}

/** A choice of experts for each token, as lists of the host. */
interface Dispatch {
  /** Experts of each token, `[T, k]`, the likeliest first. */
  readonly experts: readonly number[];
  readonly counts: readonly number[];
  /** The token of each row. */
  readonly tokens: readonly number[];
  /** The row of each choice, `[T, k]`. */
  readonly rows: readonly number[];
}

interface Routed {
  readonly routing: Routing;
  /** Weights of the chosen experts, `[T, k]`, which add up to 1 for each token. */
  readonly weights: Tensor;
  /** The token of each row. */
  readonly tokens: Tensor;
  /** The row of each choice. */
  readonly rows: Tensor;
}

/** What all experts of an MLP share, for its normed input. */
interface SharedMlp {
  readonly x: Tensor;
  readonly gate: Tensor;
  readonly up: Tensor;
  /** Without an adapter of its own. */
  readonly down: LinearTensors;
  /** Of the layer that computed gate and up, or of both. */
  readonly names: readonly string[];
}

/**
 * `[T, H]`: the shared weights multiply the rows of all experts at once. Takes over gate and up.
 */
export function mixedMlp(
  mixture: Mixture,
  { x, gate, up, down, names }: SharedMlp,
  activation: number,
): { readonly output: Tensor; readonly routing: Routing } {
  const routed = route(mixture, x);
  const { tokens, routing } = routed;
  const rows = rowsOf(x, tokens);
  const branch = (name: string, of: Tensor) => branchByExpert(mixture, name, of, routing.counts);
  const half = (shared: Tensor, own: () => Tensor | null): Tensor => {
    const all = rowsOf(shared, tokens);
    shared.dispose();
    return withBranch(all, own());
  };
  const [first = '', second] = names;
  const inner = scope(() => {
    const both = second === undefined ? branch(first, rows) : null;
    const [ofGate = null, ofUp = null] = both === null ? [] : ops.chunk(both, 2, 1);
    return ops.swiglu(
      half(gate, () => (second === undefined ? ofGate : branch(first, rows))),
      half(up, () => (second === undefined ? ofUp : branch(second, rows))),
      activation,
    );
  });
  const output = withBranch(linear(inner, down), branch('down_proj', inner));
  return { output: combined(output, routed), routing };
}

/** In place: no tape keeps what is added up. */
function withBranch(shared: Tensor, own: Tensor | null): Tensor {
  if (own === null) return shared;
  ops.add_(shared, own);
  own.dispose();
  return shared;
}

/** Where the tokens `x [T, H]` go. The host waits for the probabilities: it makes the lists. */
function route({ router, chosen }: Mixture, x: Tensor): Routed {
  const probabilities = scope(() => ops.softmax(ops.linear(ops.to(x, router.dtype), router), -1));
  const [, experts = 0] = probabilities.shape;
  const dispatch = dispatchOf(toArray(ops.detach(probabilities)), experts, chosen);
  const { counts, experts: choices, tokens, rows } = dispatch;
  const index = tensor(choices, [x.shape[0] ?? 0, chosen], 'int64');
  const own = ops.gather(probabilities, 1, index);
  return {
    routing: { probabilities, counts },
    weights: ops.div(own, ops.sumDim(own, [1], true)),
    tokens: indices(tokens),
    rows: indices(rows),
  };
}

/** Of probabilities `[T, N]`. */
export function dispatchOf(
  probabilities: readonly number[],
  experts: number,
  chosen: number,
): Dispatch {
  const choices: number[] = [];
  for (let first = 0; first < probabilities.length; first += experts) {
    choices.push(...likeliest(probabilities, first, experts, chosen));
  }
  const counts = new Array<number>(experts).fill(0);
  for (const expert of choices) counts[expert] = (counts[expert] ?? 0) + 1;
  const next: number[] = [];
  for (const count of counts) next.push((next.at(-1) ?? 0) + count);
  const starts = [0, ...next];
  const sorted = new Array<number>(choices.length).fill(0);
  const rows = choices.map((expert, choice) => {
    const row = starts[expert] ?? 0;
    starts[expert] = row + 1;
    sorted[row] = Math.floor(choice / chosen);
    return row;
  });
  return { experts: choices, counts, tokens: sorted, rows };
}

/** Of equal ones the first; what is no number comes last. */
function likeliest(
  probabilities: readonly number[],
  first: number,
  experts: number,
  chosen: number,
): readonly number[] {
  const found: number[] = [];
  while (found.length < chosen) {
    let best = -1;
    let largest = Number.NEGATIVE_INFINITY;
    for (let expert = 0; expert < experts; expert += 1) {
      const own = probabilities[first + expert] ?? Number.NaN;
      if (found.includes(expert) || (best >= 0 && !(own > largest))) continue;
      best = expert;
      largest = Number.isNaN(own) ? Number.NEGATIVE_INFINITY : own;
    }
    found.push(best);
  }
  return found;
}

/** Rows of `x`, some of them repeatedly. The backward adds them up in their order. */
function rowsOf(x: Tensor, index: Tensor): Tensor {
  return ops.embedding(x, index);
}

/**
 * What the experts add to the linear layer `name` for their rows of `x [R, n]`; null for nothing.
 * An expert without rows has gradients of zeros.
 */
function branchByExpert(
  mixture: Mixture,
  name: string,
  x: Tensor,
  counts: readonly number[],
): Tensor | null {
  return scope(() => {
    const parts = ops.splitSizes(x, counts, 0).flatMap((own, expert) => {
      const delta = mixture.delta(expert, name);
      return delta === null ? [] : [branchOf(delta, own, own)];
    });
    return parts.length === 0 ? null : ops.cat(parts, 0);
  });
}

/** The weighted sum of the experts' outputs `[R, H]` for each token: `[T, H]`. */
function combined(outputs: Tensor, { weights, rows }: Routed): Tensor {
  const [tokens = 0, chosen = 0] = weights.shape;
  return scope(() => {
    const each = ops.view(rowsOf(outputs, rows), [tokens, chosen, outputs.shape[1] ?? 0]);
    return ops.sumDim(ops.mul(each, ops.unsqueeze(ops.to(weights, outputs.dtype), 2)), [1]);
  });
}
