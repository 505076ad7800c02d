// One optimizer step, block by block (block-major accumulation). The forward keeps only what the
// plan allows (`modes`). The backward takes the blocks from last to first and hands each block's
// gradients to the update as soon as all micro-batches have added to them, so a rank never holds
// more gradients than it updates.

import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { ActivationOffload } from '../engine/activation-offload.ts';
import {
  type BlockPass,
  type BlockTrace,
  backwardBlock,
  forwardBlock,
  runBlock,
} from '../engine/block-tape.ts';
import type { Projectors } from '../engine/gradient-factors.ts';
import { GradientSum } from '../engine/gradient-sum.ts';
import type { Active, Model } from '../engine/model.ts';
import { gradientsFor, gradientsOf } from '../engine/multiplied-out.ts';
import type { LossSums, StepEnds } from '../engine/network.ts';
import type { Objective } from '../engine/objective.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import type { StepProbe } from '../engine/regrowth.ts';
import { regularization } from '../engine/regularization.ts';
import type { Gradient, StepUpdateSink, UpdateOutcome } from '../engine/update.ts';
import { layerAfter, withLayer } from '../engine/weights.ts';
import type { DropoutDraw } from '../methods/adapters/adapter.ts';
import type { Projector } from '../methods/optimizers/optimizer.ts';
import type { InsideLoss } from '../nn/inside.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface StepInputs {
  readonly model: Model;
  /** This rank's micro-batches. */
  readonly sequences: readonly PackedSequence[];
  /** Target tokens of the global batch: every rank normalises by the same number. */
  readonly targetTokens: number;
  readonly active: Active;
  readonly modes: readonly TapeMode[];
  /** Required where a mode is `offload`. */
  readonly offload?: ActivationOffload | undefined;
  readonly update: StepUpdateSink;
  /** @default what the network minimizes by itself */
  readonly objective?: Objective;
  /** A loss of values inside the blocks. @default none */
  readonly inside?: InsideLoss | null;
  /** What the step does for places that are chosen again. @default nothing */
  readonly probe?: StepProbe | null;
  /** Gets the gradients of each block that a backward passes, while its tensors are complete. */
  readonly seen?: ((gradients: readonly Gradient[]) => void) | undefined;
  readonly draw: (sequence: PackedSequence) => DropoutDraw;
  /** Whether this rank adds what the adapter regularizes: one of all does. @default true */
  readonly regularizes?: boolean;
}

interface StepOutcome extends Omit<UpdateOutcome, 'sums'> {
  /** Sums over this rank's sequences, by name: `nll`, and what else is measured of the loss. */
  readonly sums: Readonly<Record<string, number>>;
  /** What the adapter's regularizer adds to the loss; 0 at ranks that leave it to another. */
  readonly regularization: number;
  /** What the loss inside the blocks measures, over this rank's sequences and all blocks. */
  readonly measured: readonly number[];
}

/** Runs the step in its own scope, on the model's device: frees every tensor. */
export function step(inputs: StepInputs): StepOutcome {
  return scope(() => {
    const { model, sequences, active, update } = inputs;
    const projectors = projectorsOf(inputs);
    const measured: Tensor[] = [];
    const traces = forwardBlocks(inputs, projectors, measured);
    const ends = model.network.ends(model, {
      ...{ active, objective: inputs.objective ?? null, scale: 1 / inputs.targetTokens },
      sum: (parameters) => new GradientSum(parameters, sequences.length),
    });
    const top = outletPass(inputs, ends, traces.outputs);
    let g = top.gradients;
    const lowest = lowestActive(inputs);
    const terms: Tensor[] = [];
    for (let layer = model.config.L - 1; layer >= lowest; layer -= 1) {
      const sum = new GradientSum(gradientsFor(model, active(layer)), sequences.length);
      const own = new GradientSum(active(layer), 1);
      const next = layer > lowest ? layer - 1 : null;
      if (next !== null) prefetchInputs(traces.blocks[next] ?? []);
      g = withLayer(model, layer, next, () => {
        const backs = sequences.map((sequence, a) => {
          const pass = passOf(inputs, layer, sequence, projectors);
          const back = backwardBlock(pass, traceAt(traces.blocks, layer, a), tensorAt(g, a));
          tensorAt(g, a).dispose();
          sum.add(back.parameters);
          measured.push(...back.measured);
          return back.input;
        });
        own.add(gradientsOf(model, active(layer), sum.finish()));
        terms.push(...regularized(inputs, layer, own));
        inputs.seen?.(own.finish());
        return backs;
      });
      const gradients = own.finish();
      update.offer(inputs.probe?.offered(gradients) ?? gradients);
    }
    if (active(model.places.inlet).length > 0) {
      inletPass(inputs, ends, g);
      update.offer(ends.inletGradients());
    }
    const totals = totalsOf(measured, inputs.inside?.size ?? 0);
    const names = Object.keys(top.sums);
    const own = [...Object.values(top.sums), ...totals, ...terms];
    const { sums: found, ...outcome } = update.finish(own);
    forgetChanged(inputs);
    const others = [...found];
    const ofLoss = others.splice(0, names.length);
    const sums = Object.fromEntries(names.map((name, i) => [name, ofLoss[i] ?? Number.NaN]));
    const measures = others.splice(0, totals.length);
    const regularization = others.reduce((sum, one) => sum + one, 0);
    return { ...outcome, sums, measured: measures, regularization };
  }, inputs.model.device);
}

/** Adds the gradients of the adapter's own term, and returns the block's share of its value. */
function regularized(
  { model, active, regularizes = true }: StepInputs,
  layer: number,
  sum: GradientSum,
): readonly Tensor[] {
  const own = regularizes ? regularization(model, layer, active(layer)) : null;
  if (own === null) return [];
  sum.add(own.gradients);
  return [own.value];
}

/** The sums of what blocks measured, one by one. */
function totalsOf(measured: readonly Tensor[], size: number): readonly Tensor[] {
  const total = ops.zeros([size], { dtype: 'float64' });
  for (const one of measured) ops.add_(total, one);
  return ops.unbind(total, 0);
}

/** Drops what the precision has cached of weights that were updated. */
function forgetChanged({ model, active }: StepInputs): void {
  for (let layer = 0; layer < model.config.L; layer += 1) {
    for (const { name } of active(layer)) model.precision?.forget(name);
  }
}

interface Traces {
  /** By layer, then by sequence. */
  readonly blocks: readonly (readonly BlockTrace[])[];
  readonly outputs: readonly Tensor[];
}

/** `measured` gets what is measured of blocks that no backward passes. */
function forwardBlocks(inputs: StepInputs, projectors: Projectors, measured: Tensor[]): Traces {
  const { model, sequences, modes } = inputs;
  inputs.offload?.clear();
  const { config } = model;
  let x = withLayer(model, model.places.inlet, 0, () =>
    sequences.map((sequence) => model.network.enter(model, sequence)),
  );
  const blocks: BlockTrace[][] = [];
  const lowest = lowestActive(inputs);
  for (let layer = 0; layer < config.L; layer += 1) {
    const passed = withLayer(model, layer, layerAfter(model.places, layer), () =>
      sequences.map((sequence, a) => {
        const pass = passOf(inputs, layer, sequence, projectors);
        if (layer < lowest) {
          return { output: withoutTrace(pass, tensorAt(x, a), measured), trace: null };
        }
        return forwardBlock(pass, tensorAt(x, a), modes[layer] ?? 'recompute');
      }),
    );
    blocks.push(passed.flatMap(({ trace }) => trace ?? []));
    x = passed.map(({ output }) => output);
  }
  return { blocks, outputs: x };
}

/** Inputs of the block after this one come back while this one computes. */
function prefetchInputs(traces: readonly BlockTrace[]): void {
  for (const trace of traces) if (trace.mode === 'offload') trace.input.prefetch();
}

/** A block without active parameters at or below it needs no trace. */
function withoutTrace(pass: BlockPass, x: Tensor, measured: Tensor[]): Tensor {
  const found: Tensor[] = [];
  const output = runBlock(pass, x, (inside) => void found.push(keep(inside.measured())));
  for (const one of found) {
    measured.push(ops.clone(one));
    one.dispose();
  }
  x.dispose();
  return output;
}

interface Top {
  readonly sums: LossSums;
  readonly gradients: Tensor[];
}

/** What follows the last block, for each sequence; its gradients are offered. */
function outletPass(
  { model, sequences, update }: StepInputs,
  ends: StepEnds,
  xs: readonly Tensor[],
): Top {
  const results = withLayer(model, model.places.outlet, null, () =>
    sequences.map((sequence, a) => {
      const x = tensorAt(xs, a);
      const back = ends.outlet(x, sequence);
      x.dispose();
      return back;
    }),
  );
  update.offer(ends.outletGradients());
  const total = (name: string) =>
    ops.sum(ops.stack(results.flatMap(({ sums }) => sums[name] ?? [])));
  const names = Object.keys(results[0]?.sums ?? {});
  const sums = Object.fromEntries(names.map((name) => [name, total(name)]));
  return { sums: { ...sums, nll: total('nll') }, gradients: results.map(({ input }) => input) };
}

/** What precedes the first block. Its tensors are complete only where they are read. */
function inletPass({ model, sequences }: StepInputs, ends: StepEnds, g: readonly Tensor[]): void {
  const pass = (): void => {
    for (const [a, sequence] of sequences.entries()) ends.inlet(tensorAt(g, a), sequence);
  };
  if (model.network.inletReadsInBackward) withLayer(model, model.places.inlet, null, pass);
  else pass();
}

/** The lowest layer that needs a backward: it is active, or the inlet is. */
function lowestActive({ model, active }: StepInputs): number {
  if (active(model.places.inlet).length > 0) return 0;
  for (let layer = 0; layer < model.config.L; layer += 1) {
    if (active(layer).length > 0) return layer;
  }
  return model.config.L;
}

function passOf(
  { model, active, draw, offload, inside = null }: StepInputs,
  layer: number,
  sequence: PackedSequence,
  projectors: Projectors,
): BlockPass {
  return {
    model,
    layer,
    active: gradientsFor(model, active(layer)),
    sequence,
    draw: draw(sequence),
    projectors,
    inside,
    offload,
  };
}

/**
 * Projectors of the block matrices whose gradients are needed in subspaces. Layers with an adapter,
 * a grid or their own precision compute full gradients.
 */
function projectorsOf({ model, sequences, active, update, probe }: StepInputs): Projectors {
  if (probe) return probe.projectors;
  if ((model.adapter ?? model.onGrid ?? model.precision) !== null) return new Map();
  const tokens = sequences.reduce((sum, sequence) => sum + sequence.tokens, 0);
  const found = Array.from({ length: model.config.L }, (_, layer) => layer).flatMap((layer) =>
    active(layer).flatMap((parameter): [string, Projector][] => {
      const projector = update.projector?.(parameter, tokens, model.dtype) ?? null;
      return projector === null ? [] : [[parameter.name, projector]];
    }),
  );
  return new Map(found);
}

function tensorAt(tensors: readonly Tensor[], index: number): Tensor {
  const tensor = tensors[index];
  if (tensor === undefined) throw new RangeError(`no micro-batch ${index}`);
  return tensor;
}

function traceAt(blocks: Traces['blocks'], layer: number, index: number): BlockTrace {
  const trace = blocks[layer]?.[index];
  if (trace === undefined) throw new RangeError(`no trace of layer ${layer}, sequence ${index}`);
  return trace;
}
