// The forward of a step, place by place: what a backward will need of each stage and block, and the
// streams after the last block. All sequences pass a place before the next one begins.
import { type BlockPass, type BlockTrace, forwardBlock, runBlock } from '../engine/block-tape.ts';
import type { Projectors } from '../engine/gradient-factors.ts';
import { activeIn } from '../engine/model.ts';
import { gradientsFor } from '../engine/multiplied-out.ts';
import { noSides, type Sides } from '../engine/network.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import { layerAfter, withLayer } from '../engine/weights.ts';
import { type Place, sharedPlace, stageOf } from '../families/family.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { StepInputs } from './step.ts';

export interface Traces {
  /** By layer, then by sequence. */
  readonly blocks: readonly (readonly BlockTrace[])[];
  readonly stages: readonly StageTrace[];
  readonly outputs: readonly Tensor[];
}

/** Of one stage, by sequence. */
interface StageTrace {
  /** What the stage before ended with, where the backward passes the inlet between them. */
  readonly before: readonly Tensor[];
  readonly sides: readonly Sides[];
  /** Whether the backward passes the inlet, and so wants the gradients of the sides. */
  readonly isPassed: boolean;
}

/** `measured` gets what is measured of blocks that no backward passes. */
export function forwardPass(
  inputs: StepInputs,
  projectors: Projectors,
  measured: Tensor[],
): Traces {
  const { model, sequences, modes } = inputs;
  inputs.offload?.clear();
  const blocks: BlockTrace[][] = [];
  const stages: StageTrace[] = [];
  const isPassed = new Set(backwardPlaces(inputs));
  let x: readonly Tensor[] = [];
  for (const place of model.places.order) {
    if (place === model.places.outlet) break;
    if (typeof place !== 'number') {
      const entered = enterStage(inputs, { place, before: x, isPassed: isPassed.has(place) });
      stages.push(entered.trace);
      x = entered.outputs;
      continue;
    }
    const layer = place;
    const passed = withLayer(model, layer, layerAfter(model.places, layer), () =>
      sequences.map((sequence, a) => {
        const pass = passOf(inputs, layer, sequence, { traces: { stages }, a, projectors });
        if (!isPassed.has(layer)) {
          return { output: withoutTrace(pass, tensorAt(x, a), measured), trace: null };
        }
        return forwardBlock(pass, tensorAt(x, a), modes[layer] ?? 'recompute');
      }),
    );
    blocks.push(passed.flatMap(({ trace }) => trace ?? []));
    x = passed.map(({ output }) => output);
  }
  return { blocks, stages, outputs: x };
}

interface Entered {
  readonly place: Place;
  /** What the stage before ended with. */
  readonly before: readonly Tensor[];
  readonly isPassed: boolean;
}

/** What a stage begins with. */
function enterStage(
  { model, sequences }: StepInputs,
  { place, before, isPassed }: Entered,
): { readonly outputs: readonly Tensor[]; readonly trace: StageTrace } {
  const { network, places } = model;
  const stage = stageOf(places, place);
  const entries = withLayer(model, place, layerAfter(places, place), () =>
    sequences.map((sequence, a) => network.enter(model, sequence, stage, before[a] ?? null)),
  );
  if (!isPassed) for (const x of before) x.dispose();
  const sides = entries.map((entry) => entry.sides);
  return {
    outputs: entries.map(({ x }) => x),
    trace: { before: isPassed ? before : [], sides, isPassed },
  };
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

/**
 * The places below the outlet that a backward passes, from the last to the lowest active one, or to
 * the lowest block that reads what blocks share.
 */
export function backwardPlaces({ model, active }: StepInputs): readonly Place[] {
  const { order, outlet } = model.places;
  const below = order.filter((place) => place !== outlet);
  const isShared = active(sharedPlace).length > 0;
  const moves = (place: Place) =>
    active(place).length > 0 || (isShared && model.parameters.trainedAt(place).length > 0);
  const lowest = below.findIndex(moves);
  return lowest < 0 ? [] : below.slice(lowest).toReversed();
}

interface PassOf {
  readonly traces: Pick<Traces, 'stages'>;
  /** The number of the sequence. */
  readonly a: number;
  readonly projectors: Projectors;
}

/** Block `layer` with one sequence. */
export function passOf(
  { model, active, draw, offload, inside = null }: StepInputs,
  layer: number,
  sequence: PackedSequence,
  { traces, a, projectors }: PassOf,
): BlockPass {
  const number = stageOf(model.places, layer);
  const stage = traces.stages[number];
  const isOfClasses = number === 0 && sequence.texts?.of === 'Classes';
  return {
    model,
    layer,
    active: gradientsFor(model, activeIn(active, layer)),
    sequence,
    sides: stage?.sides[a] ?? noSides,
    wantsSides: stage?.isPassed ?? false,
    // Texts of classes are the same whatever sequence brings them, and so is their dropout.
    draw: draw(isOfClasses ? { ...sequence, key: 0 } : sequence),
    projectors,
    inside,
    offload,
  };
}

export function tensorAt(tensors: readonly Tensor[], index: number): Tensor {
  const tensor = tensors[index];
  if (tensor === undefined) throw new RangeError(`no micro-batch ${index}`);
  return tensor;
}
