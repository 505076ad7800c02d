// One optimizer step, place by place: the inlet of each stage, its blocks, the outlet (block-major
// accumulation). The forward keeps only what the plan allows (`modes`). The backward takes the
// places from last to first and hands the gradients of each to the update as soon as all
// micro-batches have added to them, so a rank never holds more gradients than it updates.

import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { ActivationOffload } from '../engine/activation-offload.ts';
import { type BlockTrace, backwardBlock } from '../engine/block-tape.ts';
import type { Projectors } from '../engine/gradient-factors.ts';
import { GradientSum } from '../engine/gradient-sum.ts';
import { type Active, activeIn, type Model } from '../engine/model.ts';
import { gradientsFor, gradientsOf } from '../engine/multiplied-out.ts';
import { type LossSums, noSides, type StepEnds } from '../engine/network.ts';
import type { Objective } from '../engine/objective.ts';
import { documentsAt, type PackedSequence } from '../engine/packed-sequence.ts';
import type { StepProbe } from '../engine/regrowth.ts';
import { type BlockTerm, regularization } from '../engine/regularization.ts';
import { SideGradients } from '../engine/side-gradients.ts';
import type { Gradient, StepUpdateSink, UpdateOutcome } from '../engine/update.ts';
import { withLayer } from '../engine/weights.ts';
import { alone, type World } from '../engine/world.ts';
import { type Place, sharedPlace, stageOf } from '../families/family.ts';
import type { DropoutDraw } from '../methods/adapters/adapter.ts';
import type { Projector } from '../methods/optimizers/optimizer.ts';
import type { InsideLoss } from '../nn/inside.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { backwardPlaces, forwardPass, passOf, type Traces, tensorAt } from './forward-pass.ts';

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
  /** The ranks that compute it together. @default this process */
  readonly world?: World;
  /** A loss of values inside the blocks. @default none */
  readonly inside?: InsideLoss | null;
  /** What the step does for places that are chosen again. @default nothing */
  readonly probe?: StepProbe | null;
  /** Gets the gradients of each block that a backward passes, while its tensors are complete. */
  readonly seen?: ((gradients: readonly Gradient[]) => void) | undefined;
  readonly draw: (sequence: PackedSequence) => DropoutDraw;
  /**
   * What is added to the loss for the active parameters of a block, which are complete. @default
   * what the adapter regularizes
   */
  readonly term?: BlockTerm | undefined;
  /** Whether this rank adds that term: one of all does. @default true */
  readonly regularizes?: boolean;
}

interface StepOutcome extends Omit<UpdateOutcome, 'sums'> {
  /** Sums over this rank's sequences, by name: `loss`, and what else is measured of the loss. */
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
    const traces = forwardPass(inputs, projectors, measured);
    const ends = model.network.ends(model, {
      ...{ active, objective: inputs.objective ?? null, scale: 1 / inputs.targetTokens },
      world: inputs.world ?? alone,
      sum: (parameters) => new GradientSum(parameters, sequences.length),
    });
    const sides = new SideGradients();
    const top = outletPass(inputs, ends, traces, sides);
    let g: readonly Tensor[] = top.gradients;
    const shared = sharedGradients(inputs);
    const terms: Tensor[] = [];
    const places = backwardPlaces(inputs);
    for (const [i, place] of places.entries()) {
      if (typeof place !== 'number') {
        g = inletPass(inputs, ends, { place, traces, g, sides });
        continue;
      }
      const layer = place;
      const moving = activeIn(active, layer);
      const sum = new GradientSum(gradientsFor(model, moving), sequences.length);
      const own = new GradientSum(moving, 1);
      const below = places[i + 1];
      const next = typeof below === 'number' ? below : null;
      if (next !== null) prefetchInputs(traces.blocks[next] ?? []);
      g = withLayer(model, layer, next, () => {
        const backs = sequences.map((sequence, a) => {
          const pass = passOf(inputs, layer, sequence, { traces, a, projectors });
          const back = backwardBlock(pass, traceAt(traces.blocks, layer, a), tensorAt(g, a));
          tensorAt(g, a).dispose();
          sides.add(a, back.sides);
          sum.add(back.parameters);
          measured.push(...back.measured);
          return back.input;
        });
        own.add(gradientsOf(model, moving, sum.finish()));
        terms.push(...regularized(inputs, layer, own));
        inputs.seen?.(own.finish());
        return backs;
      });
      const gradients = shared.taken(own.finish());
      update.offer(inputs.probe?.offered(gradients) ?? gradients);
    }
    if (shared.parameters.length > 0) update.offer(shared.sum.finish());
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

/** Adds up the gradients of what blocks share; `taken` leaves those of a block's own tensors. */
function sharedGradients({ model, active }: StepInputs) {
  const parameters = active(sharedPlace);
  const sum = new GradientSum(parameters, model.config.L);
  const taken = (gradients: readonly Gradient[]): readonly Gradient[] => {
    if (parameters.length === 0) return gradients;
    const byName = new Map(gradients.map(({ parameter, value }) => [parameter.name, value]));
    sum.add(parameters.map(({ name }) => byName.get(name) ?? null));
    return gradients.filter(({ parameter }) => parameter.layer !== sharedPlace);
  };
  return { parameters, sum, taken };
}

/** Adds the gradients of the term, and returns the block's share of its value. */
function regularized(
  { model, active, regularizes = true, term = regularization }: StepInputs,
  layer: number,
  sum: GradientSum,
): readonly Tensor[] {
  const own = regularizes ? term(model, layer, activeIn(active, layer)) : null;
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

/** Inputs of the block after this one come back while this one computes. */
function prefetchInputs(traces: readonly BlockTrace[]): void {
  for (const trace of traces) if (trace.mode === 'offload') trace.input.prefetch();
}

interface Top {
  readonly sums: LossSums;
  readonly gradients: Tensor[];
}

/** What follows the last block, for each sequence; its gradients are offered. */
function outletPass(
  { model, sequences, update }: StepInputs,
  ends: StepEnds,
  { outputs, stages }: Traces,
  sides: SideGradients,
): Top {
  const last = stages.at(-1);
  const areWanted = last?.isPassed ?? false;
  const inputs = sequences.map((sequence, a) => {
    const own = { of: last?.sides[a] ?? noSides, areWanted };
    return { x: tensorAt(outputs, a), sequence, sides: own };
  });
  const results = withLayer(model, model.places.outlet, null, () => {
    const passes =
      'outlets' in ends
        ? ends.outlets(inputs)
        : inputs.map((one) => {
            const back = ends.outlet(one.x, one.sequence, one.sides);
            one.x.dispose();
            return back;
          });
    for (const { x } of inputs) x.dispose();
    return passes;
  });
  for (const [a, back] of results.entries()) sides.add(a, back.sides ?? noSides);
  update.offer(ends.outletGradients());
  const total = (name: string) =>
    ops.sum(ops.stack(results.flatMap(({ sums }) => sums[name] ?? [])));
  const names = Object.keys(results[0]?.sums ?? {});
  const sums = Object.fromEntries(names.map((name) => [name, total(name)]));
  return { sums: { ...sums, loss: total('loss') }, gradients: results.map(({ input }) => input) };
}

interface InletPass {
  readonly place: Place;
  readonly traces: Traces;
  /** Of the stream before the first block of the stage. */
  readonly g: readonly Tensor[];
  readonly sides: SideGradients;
}

/**
 * What precedes a stage: its gradients are offered, and those of the stage before are returned. Its
 * tensors are complete only where they are read.
 */
function inletPass(
  { model, sequences, active, update }: StepInputs,
  ends: StepEnds,
  { place, traces, g, sides }: InletPass,
): readonly Tensor[] {
  const stage = stageOf(model.places, place);
  const trace = traces.stages[stage];
  for (const side of trace?.sides.flatMap((each) => Object.values(each)) ?? []) side.dispose();
  const pass = () =>
    sequences.flatMap((sequence, a) => {
      const before = trace?.before[a] ?? null;
      const read = sides.take(a);
      const x = tensorAt(g, a);
      const back = ends.inlet({ stage, x, sides: read, before }, sequence);
      for (const done of [x, ...Object.values(read), before]) done?.dispose();
      return back ?? [];
    });
  const below = model.network.inletReadsInBackward ? withLayer(model, place, null, pass) : pass();
  if (active(place).length > 0) update.offer(ends.inletGradients(stage));
  return below;
}

/**
 * Projectors of the block matrices whose gradients are needed in subspaces. Layers with an adapter,
 * a grid or their own precision compute full gradients.
 */
function projectorsOf({ model, sequences, active, update, probe }: StepInputs): Projectors {
  if (probe) return probe.projectors;
  if ((model.adapter ?? model.onGrid ?? model.precision) !== null) return new Map();
  const found = Array.from({ length: model.config.L }, (_, layer) => layer).flatMap((layer) => {
    const stage = stageOf(model.places, layer);
    const tokens = sequences.reduce((sum, one) => sum + documentsAt(one, stage).tokens, 0);
    return active(layer).flatMap((parameter): [string, Projector][] => {
      const projector = update.projector?.(parameter, tokens, model.dtype) ?? null;
      return projector === null ? [] : [[parameter.name, projector]];
    });
  });
  return new Map(found);
}

function traceAt(blocks: Traces['blocks'], layer: number, index: number): BlockTrace {
  const trace = blocks[layer]?.[index];
  if (trace === undefined) throw new RangeError(`no trace of layer ${layer}, sequence ${index}`);
  return trace;
}
