// Formats of weights that change while these train. What decides (adaptive-precision.ts) are a few
// numbers of each layer that are summed over all ranks: a sketch of the gradient in each step, and
// a histogram of the weights where a decision is due. They lie in the state of the trainer.
import {
  type AdaptSettings,
  type AdaptState,
  decided,
  firstPrecision,
  isDue,
  type LayerPrecision,
  nextWindow,
  seen,
  withLoss,
} from '../methods/weights/adaptive-precision.ts';
import type { FixedPoint } from '../methods/weights/fixed-point.ts';
import { StepSketches } from './gradient-sketches.ts';
import type { Model } from './model.ts';
import { type Held, histogramsOf } from './weight-histograms.ts';

type OnGrid = Pick<Model, 'onGrid'>;

/** What decisions need of a trainer. */
interface Trained extends Pick<Held, 'shards' | 'world'> {
  readonly model: Pick<Model, 'onGrid' | 'device'>;
}

/** The formats that change, and the layers that have them; null where none do. */
export function adaptiveOf({ onGrid }: OnGrid) {
  const adaptive = onGrid?.grid.adaptive;
  return onGrid === null || adaptive === undefined
    ? null
    : { adaptive, layers: [...onGrid.layers.values()] };
}

/** Has products read weights in these formats: in a step of training, or anywhere else. */
export function followFormats(
  model: OnGrid,
  state: AdaptState | undefined,
  step: number | null,
): void {
  const found = adaptiveOf(model);
  if (found === null || state === undefined) return;
  const formats = found.layers.flatMap(({ path }, i) => {
    const format = state.layers[i];
    return format === undefined ? [] : [[path, format] as const];
  });
  found.adaptive.follow(new Map(formats), step);
}

/** Formats before the first step: those that the weights need. Collective. */
export function firstFormats(trained: Trained): AdaptState | undefined {
  const found = adaptiveOf(trained.model);
  if (found === null) return undefined;
  const { settings } = found.adaptive;
  const blank: AdaptState = {
    layers: found.layers.map(() => firstPrecision(settings)),
    strategy: settings.strategy,
    losses: { sum: 0, count: 0 },
    meanBefore: null,
  };
  return withDecisions(trained, settings, blank, () => true);
}

/** Takes the gradients of a step, for `formatsAfter`; null where formats do not change. */
export function stepSketches({ model, shards }: Trained, seed: bigint): StepSketches | null {
  const found = adaptiveOf(model);
  if (found === null) return null;
  return new StepSketches({ layers: found.layers, shards, device: model.device, seed });
}

interface StepDone {
  readonly applied: boolean;
  readonly loss: number;
  readonly sketches: readonly (readonly number[])[] | null;
}

/** After a step. Collective. */
export function formatsAfter(
  trained: Trained,
  before: AdaptState | undefined,
  { applied, loss, sketches }: StepDone,
): AdaptState | undefined {
  const settings = adaptiveOf(trained.model)?.adaptive.settings;
  if (!applied || before === undefined || settings === undefined) return before;
  const layers = before.layers.map((layer, i) => seen(layer, sketches?.[i] ?? []));
  const state = { ...before, layers };
  const after = Number.isFinite(loss) ? withLoss(settings, state, loss) : state;
  return withDecisions(trained, settings, after, isDue);
}

/** Decides about the layers that are due. */
function withDecisions(
  { model, shards, world }: Trained,
  settings: AdaptSettings,
  state: AdaptState,
  due: (layer: LayerPrecision) => boolean,
): AdaptState {
  const paths = adaptiveOf(model)?.layers.map(({ path }) => path) ?? [];
  const open = state.layers.flatMap((layer, i) => (due(layer) ? [{ i, layer }] : []));
  if (open.length === 0) return state;
  const asked = open.map(({ i, layer }) => {
    const { resolution } = nextWindow(settings, layer);
    return { path: paths[i] ?? '', resolution };
  });
  const histograms = histogramsOf({ shards, world, device: model.device }, asked);
  const layers = [...state.layers];
  for (const [k, { i, layer }] of open.entries()) {
    layers[i] = decided(settings, layer, histograms[k] ?? null, state.strategy);
  }
  return { ...state, layers };
}

interface Switch extends FixedPoint {
  readonly module: string;
}

/** Layers whose format is another one. */
export function switches(
  model: OnGrid,
  before: AdaptState | undefined,
  after: AdaptState | undefined,
): readonly Switch[] {
  const { layers = [] } = adaptiveOf(model) ?? {};
  return layers.flatMap(({ path: module }, i) => {
    const [old, own] = [before?.layers[i], after?.layers[i]];
    if (own === undefined) return [];
    if (old?.bits === own.bits && old.fraction === own.fraction) return [];
    return [{ module, bits: own.bits, fraction: own.fraction }];
  });
}

/** `8.4 bits a weight`. */
export function formatsInWords(model: OnGrid, state: AdaptState): string {
  return `${meanBits(model, state).toFixed(1)} bits a weight`;
}

export function meanBits(model: OnGrid, state: AdaptState): number {
  const { layers = [] } = adaptiveOf(model) ?? {};
  const sizes = layers.map((one) => one.out * one.in);
  const bits = sizes.reduce((sum, size, i) => sum + size * (state.layers[i]?.bits ?? 0), 0);
  return bits / sizes.reduce((sum, size) => sum + size, 0);
}
