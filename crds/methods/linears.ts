// The linear layers of a block, by the sizes of a model. A convolution is one on the patches of its
// input: its inputs are the channels at all places of its kernel.
import { countsOf } from '../plan/kinds/counts.ts';
import type { ModelFacts } from '../plan/model-facts.ts';

type AttentionRole = 'q' | 'k' | 'v' | 'qkv' | 'o';
type MlpRole = 'gate' | 'up' | 'gate_up' | 'down';
/** Attention to the states of another stage. */
type CrossRole = 'cross_q' | 'cross_k' | 'cross_v' | 'cross_o';
/**
 * What a layer computes of a block. A role that two others are in is their fused product;
 * `modulation` makes scales, shifts and gates of a block, once for each picture.
 */
export type LinearRole = AttentionRole | MlpRole | CrossRole | 'modulation' | 'conv';

export interface Linear {
  /** The end of its module path that no other layer of a block has: `q_proj`, `output.dense`. */
  readonly name: string;
  /** In the first block, as in PEFT: `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  readonly role: LinearRole;
  readonly out: number;
  readonly in: number;
  /** Edge of a convolution's kernel. @default a linear layer */
  readonly kernel?: number;
  /** Of all blocks, the part that has it. */
  readonly share: number;
}

/** The linear layers of one block, in execution order; of blocks of two kinds those of both. */
export function linearsOf(facts: ModelFacts): readonly Linear[] {
  return countsOf(facts).linears;
}

/** A sum over the linear layers of a block of average size. */
export function perBlock(linears: readonly Linear[], of: (linear: Linear) => number): number {
  return linears.reduce((sum, linear) => sum + of(linear) * linear.share, 0);
}

/** Rows of a layer for each token: 1, but for what is computed once for a picture. */
export function rowsPerToken(facts: ModelFacts, { role }: Pick<Linear, 'role'>): number {
  return facts.kind === 'diffusion' && role === 'modulation' ? 1 / facts.patches : 1;
}

/** Layers with the same input, together. */
export function byInput<L extends Pick<Linear, 'role'>>(linears: readonly L[]): readonly L[][] {
  const inputOf = (linear: L) => (linear.role === 'conv' ? linear : inputs[linear.role]);
  return [...Map.groupBy(linears, inputOf).values()];
}

const inputs: Readonly<Record<Exclude<LinearRole, 'conv'>, string>> = {
  ...{ q: 'block', k: 'block', v: 'block', qkv: 'block', o: 'heads' },
  ...{ gate: 'mlp', up: 'mlp', gate_up: 'mlp', down: 'channels', modulation: 'picture' },
  ...{ cross_q: 'attended', cross_k: 'memory', cross_v: 'memory', cross_o: 'cross heads' },
};

/** Values of each of them. */
export function linearSizes(facts: ModelFacts): readonly number[] {
  return linearsOf(facts).map((linear) => linear.out * linear.in);
}

/** Values of the largest. */
export function largestLinear(facts: ModelFacts): number {
  return Math.max(...linearSizes(facts));
}

/** Whether it is in the MLP. */
export function isOfMlp({ role }: Pick<Linear, 'role'>): boolean {
  return role !== 'conv' && (inputs[role] === 'mlp' || role === 'down');
}

/** Those that a method names, by ends of their paths, as in PEFT; `AllLinear` is all of them. */
export function namedLinears(all: readonly Linear[], targets: readonly string[]) {
  if (targets.includes('AllLinear')) return all;
  return all.filter(({ path }) => targets.some((target) => isNamed(path, target)));
}

/** Whether a name in a job, which may be that of the layer of one block, is of this layer. */
export function isNamed(path: string, target: string): boolean {
  const inFirst = target.replace(/(?<=^|\.)\d+(?=\.)/, '0');
  return path === inFirst || path.endsWith(`.${inFirst}`);
}

/** The last part of a module path, which names a linear layer of a decoder. */
export function lastPart(target: string): string {
  return target.slice(target.lastIndexOf('.') + 1);
}
