// Autograd lives for one block. Either the forward records a tape and keeps it (`keep`: more
// memory, no second forward), or only the block's input is kept and the backward runs the block
// again with a tape (`recompute`; `offload` keeps the input outside memory). All give the same
// numbers, since every random stream of a block is named by step, layer and sequence.
import { Bug } from '../../crds/failures/errors.ts';
import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { DropoutDraw } from '../methods/adapters/adapter.ts';
import type { BlockTensors } from '../nn/block-tensors.ts';
import type { Inside, InsideLoss } from '../nn/inside.ts';
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ActivationOffload, OffloadedInput } from './activation-offload.ts';
import { FactorTaps, type Projectors, projected, tensorsOfFactors } from './gradient-factors.ts';
import { type Model, tensorsOf } from './model.ts';
import { noSides, type Sides } from './network.ts';
import type { PackedSequence, SeeAttention } from './packed-sequence.ts';
import type { Parameter } from './parameters.ts';

/** What the forward of a block leaves behind for its backward. */
export type BlockTrace =
  | { readonly mode: 'recompute'; readonly input: Tensor }
  | { readonly mode: 'offload'; readonly input: OffloadedInput }
  | ({ readonly mode: 'keep' } & Tape);

interface Tape {
  readonly input: Tensor;
  /** Side streams whose gradients are computed. */
  readonly sides: Sides;
  /** Parameters whose full gradients are computed. */
  readonly leaves: readonly Tensor[];
  /** Factors of the gradients that are computed in subspaces. */
  readonly factors: FactorTaps['found'];
  readonly output: Tensor;
  /** Where a loss of its own begins, if the method has one. */
  readonly inside: readonly Inside[];
}

export interface BlockPass {
  readonly model: Model;
  readonly layer: number;
  readonly active: readonly Parameter[];
  readonly sequence: PackedSequence;
  /** What the block reads beside its stream. @default nothing */
  readonly sides?: Sides;
  /** Whether the backward computes their gradients. @default false */
  readonly wantsSides?: boolean;
  readonly draw: DropoutDraw | null;
  /** Weights whose gradients are needed in subspaces. @default full gradients for all */
  readonly projectors?: Projectors;
  /** A loss of values inside the block. @default none */
  readonly inside?: InsideLoss | null;
  /** Where inputs are offloaded to; required for `offload`. */
  readonly offload?: ActivationOffload | undefined;
  /** In a forward without a tape. */
  readonly seeAttention?: SeeAttention | undefined;
  /** Shown the input of each linear layer, by its path; in a forward without a tape. */
  readonly observe?: BlockTensors['observe'] | undefined;
}

/**
 * Runs the block on `x [T, H]`, which it takes over; returns its output and what the backward
 * needs. All tensors belong to the caller's scope.
 */
export function forwardBlock(
  pass: BlockPass,
  x: Tensor,
  mode: TapeMode,
): { readonly output: Tensor; readonly trace: BlockTrace } {
  if (mode === 'keep') {
    const tape = record(pass, x);
    x.dispose();
    return { output: ops.detach(tape.output), trace: { mode, ...tape } };
  }
  const output = runBlock(pass, x);
  if (mode === 'recompute') return { output, trace: { mode, input: x } };
  if (pass.offload === undefined) throw new Bug('a block is to be offloaded, but nothing offloads');
  const input = pass.offload.put(x);
  x.dispose();
  return { output, trace: { mode, input } };
}

/** Runs the block without a tape. `seen` is called where a loss inside it would begin. */
export function runBlock(
  pass: Omit<BlockPass, 'active'>,
  x: Tensor,
  seen?: (inside: Inside) => void,
): Tensor {
  return scope(() => {
    const tensors = {
      ...tensorsOf(pass.model, new Map(), pass.draw),
      ...(seen === undefined ? {} : watching(pass.inside, seen)),
      ...(pass.observe === undefined ? {} : { observe: pass.observe }),
    };
    const { model, layer, sequence, sides = noSides, seeAttention } = pass;
    return model.network.block(layer, tensors, x, sequence, sides, seeAttention);
  });
}

/** What a block calls where the loss begins. */
function watching(
  loss: InsideLoss | null = null,
  seen: (inside: Inside) => void,
): Pick<BlockTensors, 'gated' | 'routed'> {
  const see = (inside: Inside | undefined): void => {
    if (inside !== undefined) seen(inside);
  };
  return {
    gated: (halves) => see(loss?.gated?.(halves)),
    routed: (routing) => see(loss?.routed?.(routing)),
  };
}

interface BlockGradients {
  readonly input: Tensor;
  /** Of the sides that the block reads, if they are wanted. */
  readonly sides: Sides;
  readonly parameters: readonly (Tensor | null)[];
  /** What the loss inside the block measures of it. */
  readonly measured: readonly Tensor[];
}

/**
 * Gradients of the block for `g [T, H]`, the gradient of its output: first for the input, then for
 * each active parameter in order. Frees the trace.
 */
export function backwardBlock(pass: BlockPass, trace: BlockTrace, g: Tensor): BlockGradients {
  const x = trace.mode === 'offload' ? trace.input.take() : trace.input;
  const tape = trace.mode === 'keep' ? trace : record(pass, x);
  const { leaves, factors } = tape;
  const sides = Object.entries(tape.sides);
  const at = tape.inside.flatMap((each) => each.at);
  const begun = tape.inside.flatMap((each) => each.gradients());
  const measured = tape.inside.map((each) => each.measured());
  const zeros = factors.map((each) => each.zeros);
  const [input, ...found] = grad(
    [tape.output, ...at],
    [tape.input, ...leaves, ...zeros, ...Object.values(tape.sides)],
    [g, ...begun],
  );
  const ofSides = found.splice(leaves.length + zeros.length);
  const made = madeOf(pass).map(({ name }, i) => [name, found[i]] as const);
  const low = projected(factors, found.slice(leaves.length), projectorsOf(pass));
  const kept = [tape.output, tape.input, ...leaves, ...Object.values(tape.sides)];
  const all = [...kept, ...tensorsOfFactors(factors), ...at, ...begun];
  for (const tensor of new Set(all)) tensor.dispose();
  if (trace.mode !== 'keep') x.dispose();
  if (input === undefined || input === null) throw new Bug('a block ignores its input');
  const gradients = new Map([...made, ...low]);
  const parameters = pass.active.map(
    ({ name, gradientOf = name }) => gradients.get(gradientOf) ?? null,
  );
  const read = sides.flatMap(([name], i) => (ofSides[i] ? [[name, ofSides[i]] as const] : []));
  return { input, sides: Object.fromEntries(read), parameters, measured };
}

const noProjectors: Projectors = new Map();

function projectorsOf({ projectors = noProjectors }: BlockPass): Projectors {
  return projectors;
}

/** Parameters whose full gradients are computed. */
function madeOf(pass: BlockPass): readonly Parameter[] {
  const projectors = projectorsOf(pass);
  return pass.active.filter(({ name, role }) => role !== 'chosen' && !projectors.has(name));
}

function record(pass: BlockPass, x: Tensor): Tape {
  const { parameters } = pass.model;
  return withTape(() =>
    scope(() => {
      const input = leaf(x);
      const byName = new Map(
        madeOf(pass).map(({ name }) => [
          name,
          leaf(parameters.changed(name) ?? parameters.value(name)),
        ]),
      );
      const taps = new FactorTaps(projectorsOf(pass));
      const inside: Inside[] = [];
      const watch = watching(pass.inside, (each) => void inside.push(each));
      const tensors = { ...tensorsOf(pass.model, byName, pass.draw), tap: taps.of, ...watch };
      const { model, layer, sequence, sides: read = noSides, wantsSides = false } = pass;
      const sides = wantsSides ? leavesOf(read) : noSides;
      const output = model.network.block(layer, tensors, input, sequence, { ...read, ...sides });
      return { input, sides, leaves: [...byName.values()], factors: taps.found, output, inside };
    }),
  );
}

function leavesOf(sides: Sides): Sides {
  return Object.fromEntries(Object.entries(sides).map(([name, side]) => [name, leaf(side)]));
}
