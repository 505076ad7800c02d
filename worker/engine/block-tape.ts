// Autograd lives for one block. Either the forward records a tape and keeps it (`keep`: more
// memory, no second forward), or only the block's input is kept and the backward runs the block
// again with a tape (`recompute`; `offload` keeps the input outside memory). All give the same
// numbers, since every random stream of a block is named by step, layer and sequence.
import { Bug } from '../../crds/failures/errors.ts';
import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { DropoutDraw } from '../methods/adapters/adapter.ts';
import {
  type DensityTerm,
  densityGradients,
  densityOf,
  type GatedHalves,
} from '../methods/rules/density-loss.ts';
import { block } from '../nn/block.ts';
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ActivationOffload, OffloadedInput } from './activation-offload.ts';
import { FactorTaps, type Projectors, projected, tensorsOfFactors } from './gradient-factors.ts';
import { type Model, tensorsOf } from './model.ts';
import { type PackedSequence, type SeeAttention, sequenceContext } from './packed-sequence.ts';
import type { Parameter } from './parameters.ts';

/** What the forward of a block leaves behind for its backward. */
export type BlockTrace =
  | { readonly mode: 'recompute'; readonly input: Tensor }
  | { readonly mode: 'offload'; readonly input: OffloadedInput }
  | ({ readonly mode: 'keep' } & Tape);

interface Tape {
  readonly input: Tensor;
  /** Parameters whose full gradients are computed. */
  readonly leaves: readonly Tensor[];
  /** Factors of the gradients that are computed in subspaces. */
  readonly factors: FactorTaps['found'];
  readonly output: Tensor;
  /** Where a density loss begins, if the method has one. */
  readonly halves: GatedHalves | null;
}

export interface BlockPass {
  readonly model: Model;
  readonly layer: number;
  readonly active: readonly Parameter[];
  readonly sequence: PackedSequence;
  readonly draw: DropoutDraw | null;
  /** Weights whose gradients are needed in subspaces. @default full gradients for all */
  readonly projectors?: Projectors;
  /** A loss of the values inside the MLP. @default none */
  readonly density?: DensityTerm | null;
  /** Where inputs are offloaded to; required for `offload`. */
  readonly offload?: ActivationOffload | undefined;
  /** In a forward without a tape. */
  readonly seeAttention?: SeeAttention | undefined;
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

/** Runs the block without a tape. `gated` is shown the halves of its MLP. */
export function runBlock(
  pass: Omit<BlockPass, 'active'>,
  x: Tensor,
  gated?: (halves: GatedHalves) => void,
): Tensor {
  return scope(() => {
    const tensors = {
      ...tensorsOf(pass.model, new Map(), pass.draw),
      ...(gated === undefined ? {} : { gated }),
    };
    return block(
      pass.model.config,
      pass.layer,
      tensors,
      x,
      sequenceContext(pass.model.config, pass.sequence, pass.seeAttention),
    );
  });
}

interface BlockGradients {
  readonly input: Tensor;
  readonly parameters: readonly (Tensor | null)[];
  /** What `densityOf` says of the block, where the pass has a density loss. */
  readonly density: Tensor | null;
}

/**
 * Gradients of the block for `g [T, H]`, the gradient of its output: first for the input, then for
 * each active parameter in order. Frees the trace.
 */
export function backwardBlock(pass: BlockPass, trace: BlockTrace, g: Tensor): BlockGradients {
  const x = trace.mode === 'offload' ? trace.input.take() : trace.input;
  const tape = trace.mode === 'keep' ? trace : record(pass, x);
  const { leaves, factors, halves } = tape;
  const inside = insideOf(pass, halves);
  const zeros = factors.map((each) => each.zeros);
  const [input, ...found] = grad(
    [tape.output, ...inside.at],
    [tape.input, ...leaves, ...zeros],
    [g, ...inside.gradients],
  );
  const made = madeOf(pass).map(({ name }, i) => [name, found[i]] as const);
  const low = projected(factors, found.slice(leaves.length), projectorsOf(pass));
  const within = [...inside.at, ...inside.gradients];
  const all = [tape.output, tape.input, ...leaves, ...tensorsOfFactors(factors), ...within];
  for (const tensor of new Set(all)) tensor.dispose();
  if (trace.mode !== 'keep') x.dispose();
  if (input === undefined || input === null) throw new Bug('a block ignores its input');
  const gradients = new Map([...made, ...low]);
  const parameters = pass.active.map(
    ({ name, gradientOf = name }) => gradients.get(gradientOf) ?? null,
  );
  return { input, parameters, density: inside.density };
}

interface Inside {
  /** Where the backward begins besides the output, with the gradients there. */
  readonly at: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  readonly density: Tensor | null;
}

const nothingInside: Inside = { at: [], gradients: [], density: null };

function insideOf({ density = null }: BlockPass, halves: GatedHalves | null): Inside {
  if (density === null || halves === null) return nothingInside;
  return {
    at: [halves.gate, halves.up],
    gradients: densityGradients(halves, density),
    density: densityOf(halves, density.epsilon),
  };
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
      let halves: GatedHalves | null = null;
      const gated = (both: GatedHalves): void => {
        if (pass.density) halves = both;
      };
      const tensors = { ...tensorsOf(pass.model, byName, pass.draw), tap: taps.of, gated };
      const context = sequenceContext(pass.model.config, pass.sequence);
      const output = block(pass.model.config, pass.layer, tensors, input, context);
      return { input, leaves: [...byName.values()], factors: taps.found, output, halves };
    }),
  );
}
