// A window of blocks, forward and backward, for one sequence after the other.
import { type BlockTrace, backwardBlock, forwardBlock, runBlock } from '../engine/block-tape.ts';
import type { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import { withLayer } from '../engine/weights.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { gapGradient, streamGap } from './stream-gap.ts';

export interface Window {
  /** Whose products read the quantized matrices. */
  readonly model: Model;
  readonly sequences: readonly PackedSequence[];
  readonly first: number;
  readonly end: number;
  /** Its streams are the inputs of the window. */
  readonly walk: BlockWalk;
  /** Its streams are what the window is to give. */
  readonly exact: BlockWalk;
}

export function blocksOf({ first, end }: Pick<Window, 'first' | 'end'>): readonly number[] {
  return Array.from({ length: end - first }, (_, i) => first + i);
}

/** Of some sequences: the mean over their tokens. */
export function gapOf(window: Window, places: readonly number[]): number {
  const { model } = window;
  let [sum, tokens] = [0, 0];
  inWindow(model, blocksOf(window), () => {
    for (const { sequence, input, target } of passesOf(window, places)) {
      scope(() => {
        const output = blocksOf(window).reduce(
          (x, layer) => runBlock({ model, layer, sequence, draw: null }, x),
          input,
        );
        sum += streamGap(output, target);
        tokens += sequence.tokens;
      }, model.device);
    }
  });
  return sum / tokens;
}

/** Of each of these weights as products read it, float32, summed over some sequences. */
export function gradientsOf(
  window: Window,
  places: readonly number[],
  weights: readonly string[],
): readonly Tensor[] {
  const { parameters } = window.model;
  const sums = weights.map((name) => ops.zeros(parameters.get(name).shape, { dtype: 'float32' }));
  inWindow(window.model, blocksOf(window), () => {
    for (const pass of passesOf(window, places)) {
      scope(() => {
        const found = gradientsIn(window, pass, weights);
        for (const [i, name] of weights.entries()) {
          const [sum, gradient] = [sums[i], found.get(name)];
          if (sum !== undefined && gradient) ops.add_(sum, ops.to(gradient, 'float32'));
        }
      }, window.model.device);
    }
  });
  return sums;
}

interface Pass {
  readonly sequence: PackedSequence;
  readonly input: Tensor;
  readonly target: Tensor;
}

function passesOf(window: Window, places: readonly number[]): readonly Pass[] {
  const { sequences, walk, exact } = window;
  return places.flatMap((a) => {
    const [sequence, input, target] = [sequences[a], walk.streams[a], exact.streams[a]];
    return sequence && input && target ? [{ sequence, input, target }] : [];
  });
}

function gradientsIn(
  window: Window,
  { sequence, input, target }: Pass,
  weights: readonly string[],
): ReadonlyMap<string, Tensor | null> {
  const { model } = window;
  const taped: (readonly [pass: Parameters<typeof backwardBlock>[0], trace: BlockTrace])[] = [];
  let x = ops.clone(input);
  for (const layer of blocksOf(window)) {
    const all = weights.map((name) => model.parameters.get(name));
    const active = all.filter((parameter) => parameter.layer === layer);
    const pass = { model, layer, active, sequence, draw: null };
    const { output, trace } = forwardBlock(pass, x, 'keep');
    taped.push([pass, trace]);
    x = output;
  }
  let g = gapGradient(x, target);
  const found = new Map<string, Tensor | null>();
  for (const [pass, trace] of taped.reverse()) {
    const { input: before, parameters } = backwardBlock(pass, trace, g);
    for (const [i, { name }] of pass.active.entries()) found.set(name, parameters[i] ?? null);
    g = before;
  }
  return found;
}

/** With the layers of all these blocks complete. */
function inWindow(model: Model, blocks: readonly number[], body: () => void): void {
  const [first, ...rest] = blocks;
  if (first === undefined) body();
  else withLayer(model, first, null, () => inWindow(model, rest, body));
}
