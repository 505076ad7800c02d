// Computes what an adapter begins with, and integers of a base that are made with inputs, before
// the model is built, unless an earlier process of the run did so. Ranks take matrices in turn, so
// each is decomposed once.

import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Bug } from '../../crds/failures/errors.ts';
import type { ResolvedMethod } from '../../crds/index.ts';
import { layoutOf } from '../../crds/plan/kept-parts.ts';
import { calibrationSubject, decompositionSubject } from '../../crds/stages/subjects.ts';
import { type PreparedRecord, type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import {
  type InitialFactors,
  initialPlace,
  openInitialFactors,
  writeInitialFactors,
} from '../checkpoint/initial-factors.ts';
import type { Batch } from '../data/batch.ts';
import { adaptedLayers } from '../engine/adapted-layers.ts';
import type { ModelSource } from '../engine/build-model.ts';
import { requireFinite } from '../engine/finite.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { World } from '../engine/world.ts';
import {
  type Adapter,
  type Calibration,
  type LinearLayer,
  type Origin,
  plannedRank,
} from '../methods/adapters/adapter.ts';
import { codebookOf } from '../methods/index.ts';
import { quantizeAs } from '../methods/weights/mixed.ts';
import { denseOf, formSuffix } from '../methods/weights/weight-store.ts';
import type { RoleContext } from '../role.ts';
import { trimMemory } from '../tensor/memory.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor, tensor } from '../tensor/tensor.ts';
import { rankDecision, rankNote } from './decided-ranks.ts';
import { type FirstBatch, firstGradients } from './first-gradients.ts';
import { makeCodebooks } from './initial-codebooks.ts';
import { makeIntegers } from './initial-integers.ts';
import { chosenForms } from './mixed-forms.ts';
import { plannedComponents } from './planned-components.ts';
import { SharedRanks } from './shared-ranks.ts';
import { SquaredGradients } from './squared-gradients.ts';

interface Beginning extends Omit<FirstBatch, 'folder' | 'batch'> {
  /** The global batch at a position, from the first of the job: the part of this rank. */
  readonly batchAt: (position: number) => Batch;
  /** The first sequences of the job, of all ranks. */
  readonly sequences: (count: number) => readonly HostSequence[];
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly method: ResolvedMethod;
  readonly world: World;
  /** Of the first step. */
  readonly learningRate: number;
  readonly stopping: () => boolean;
}

/** Null where nothing is computed before the model is built. Collective. */
export async function initialFactors(
  context: Pick<RoleContext, 'folder' | 'emit' | 'stop'>,
  beginning: Beginning,
): Promise<InitialFactors | null> {
  const { world, prepared } = beginning;
  const { adapter, store } = beginning.options;
  const begins = adapter !== null && (adapter.decompose !== undefined || decidesRanks(adapter));
  const calibrated = store?.calibrated;
  const choice = codebookOf(beginning.method);
  const fitsCodes = choice !== null && choice.calibrationSequences > 0;
  if (!begins && calibrated === undefined && !fitsCodes) return null;
  const place = initialPlace(context.folder, beginning);
  const known = await openInitialFactors(place);
  // Each rank has them, or all compute them.
  if (!world.agree(known === null) && known !== null) return known;
  known?.[Symbol.dispose]();
  using factors = begins ? await factorsOf(context, beginning, adapter) : new OwnFactors();
  if (calibrated !== undefined) {
    const made = { ...beginning, calibrated, take: factors.takeStored };
    await makeIntegers(context, made);
  }
  if (fitsCodes) {
    const seed = BigInt(beginning.run.spec.training.seed);
    await makeCodebooks(context, { ...beginning, seed, choice, take: factors.takeStored });
  }
  const partial = join(context.folder, `${runFiles.initial}.partial`);
  const base = prepared.model.digest;
  await writeInitialFactors({ ...place, partial, base, world }, factors.byName);
  return await openInitialFactors(place);
}

function decidesRanks({ search, contribution }: Adapter): boolean {
  return (search ?? contribution) !== undefined;
}

/** Those of this rank. */
async function factorsOf(
  context: Pick<RoleContext, 'folder' | 'emit' | 'stop'>,
  beginning: Beginning,
  adapter: Adapter,
): Promise<OwnFactors> {
  const { calibration } = adapter;
  if (decidesRanks(adapter)) return await ofDecision(context, beginning, adapter);
  if (calibration !== undefined) return ofActivations(context, beginning, { adapter, calibration });
  if (adapter.readsGradient) return ofGradients(context, beginning, adapter);
  return await ofWeights(context, beginning, adapter);
}

interface Calibrated {
  readonly adapter: Adapter;
  readonly calibration: Calibration;
}

/** Those of this rank, from the activations of the first sequences. */
function ofActivations(
  { emit }: Pick<RoleContext, 'emit'>,
  beginning: Beginning,
  { adapter, calibration }: Calibrated,
): OwnFactors {
  const { source, method, learningRate } = beginning;
  const report = {
    type: 'stage',
    stage: 'Prepare',
    subject: calibrationSubject.directions,
  } as const;
  emit({ ...report, state: 'Started' });
  using unfinished = new DisposableStack();
  const own = unfinished.use(new OwnFactors());
  const layers = adaptedLayers(source.config, adapter);
  const sequences = beginning.sequences(calibration.sequences);
  const measured = { ...beginning, layout: layoutOf(method), calibration, layers, sequences };
  using components = plannedComponents(measured);
  for (const [layer, { rank, ...first }] of components.byLayer) {
    scope(() => {
      const from = { ...nothing, components: () => first, learningRate };
      const found = rank === 0 ? {} : adapter.decompose?.(layer, from);
      own.take(layer, { ...found, [plannedRank]: tensor([rank], [1], 'int32') });
    }, 'cpu');
  }
  // What the pass took is needed for the model itself next.
  trimMemory();
  emit({ ...report, state: 'Done', note: rankNote(components.ranks) });
  unfinished.move();
  return own;
}

/** Those of this rank, from the gradients of the first batch. */
function ofGradients(
  { emit, folder }: Pick<RoleContext, 'emit' | 'folder'>,
  beginning: Beginning,
  adapter: Adapter,
): OwnFactors {
  const { source, learningRate } = beginning;
  const report = {
    type: 'stage',
    stage: 'Prepare',
    subject: calibrationSubject.gradients,
  } as const;
  emit({ ...report, state: 'Started' });
  using unfinished = new DisposableStack();
  const own = unfinished.use(new OwnFactors());
  const layers = adaptedLayers(source.config, adapter);
  const batch = () => beginning.batchAt(0);
  firstGradients({ ...beginning, batch, folder }, layers, (layer, gradient) => {
    const from = { ...nothing, gradient: () => gradient, learningRate };
    own.take(layer, adapter.decompose?.(layer, from) ?? {});
  });
  // What the pass took is needed for the model itself next.
  trimMemory();
  emit({ ...report, state: 'Done' });
  unfinished.move();
  return own;
}

/** The ranks of all layers, which the first rank writes. */
async function ofDecision(
  context: Pick<RoleContext, 'emit' | 'folder' | 'stop'>,
  beginning: Beginning,
  adapter: Adapter,
): Promise<OwnFactors> {
  const { emit, folder } = context;
  const layers = adaptedLayers(beginning.source.config, adapter);
  using unfinished = new DisposableStack();
  const own = unfinished.use(new OwnFactors());
  using decision = rankDecision(adapter, { ...beginning, folder, layers });
  if (decision === null) return own;
  const report = { type: 'stage', stage: 'Prepare', subject: decision.subject } as const;
  emit({ ...report, state: 'Started' });
  const all = { report, total: decision.passes, pass: (i: number) => decision.pass(i) };
  await passes(context, beginning, all);
  const ranks = decision.ranks();
  for (const [i, layer] of beginning.world.rank === 0 ? layers.entries() : []) {
    scope(() => own.take(layer, { [plannedRank]: tensor([ranks[i] ?? 0], [1], 'int32') }), 'cpu');
  }
  // What the passes took is needed for the model itself next.
  trimMemory();
  emit({ ...report, state: 'Done', note: decision.note(ranks) });
  unfinished.move();
  return own;
}

const nothing: Origin = {
  weight: () => unread('weight'),
  gradient: () => unread('gradient'),
  components: () => unread('activation'),
  importance: () => null,
  quantized: null,
  learningRate: 0,
};

function unread(what: string): never {
  throw new Bug(`the adapter does not say that it begins with a ${what}`);
}

/** Those of this rank, from the weights. */
async function ofWeights(
  context: Pick<RoleContext, 'emit' | 'folder' | 'stop'>,
  beginning: Beginning,
  adapter: Adapter,
): Promise<OwnFactors> {
  const { emit, stop } = context;
  const { source, world, stopping } = beginning;
  using squared = await squaredGradients(context, beginning, adapter);
  const report = {
    type: 'stage',
    stage: 'Prepare',
    subject: decompositionSubject.factors,
  } as const;
  const layers = adaptedLayers(source.config, adapter);
  const progress = { ...report, unit: 'Tensors', total: layers.length } as const;
  emit({ ...report, state: 'Started' });
  using unfinished = new DisposableStack();
  const own = unfinished.use(new OwnFactors());
  const forms = await formsOfLayers(context, beginning, adapter, squared);
  const { spectrum } = adapter;
  const shared = spectrum === undefined ? null : unfinished.use(new SharedRanks(spectrum, layers));
  for (let first = 0; first < layers.length; first += world.size) {
    const layer = layers[first + world.rank];
    if (layer !== undefined) {
      const found = decompose(source, adapter, layer, {
        importance: () => squared?.of(layer) ?? null,
        quantized: quantizedIn(forms, layer),
      });
      if (shared === null) own.take(layer, found);
      else shared.add(layer, found);
    }
    emit({ ...progress, state: 'Running', done: Math.min(first + world.size, layers.length) });
    // A request to stop is received here, between matrices.
    await setImmediate();
    if (stopping()) stop.throwIfAborted();
  }
  for (const [path, place] of world.rank === 0 ? forms : []) {
    scope(() => own.takeStored(`${path}.${formSuffix}`, tensor([place], [1], 'int32')), 'cpu');
  }
  const ranks = shared?.ranks(world) ?? [];
  for (const [layer, first] of shared?.first(ranks) ?? []) own.take(layer, first);
  emit({ ...report, state: 'Done', ...(ranks.length > 0 && { note: rankNote(ranks) }) });
  unfinished.move();
  return own;
}

type Forms = ReadonlyMap<string, number>;

/** By path; empty where all matrices are stored alike. The first rank keeps them. Collective. */
async function formsOfLayers(
  context: Pick<RoleContext, 'emit' | 'stop'>,
  beginning: Beginning,
  adapter: Adapter,
  squared: SquaredGradients | null,
): Promise<Forms> {
  const { source, options } = beginning;
  const mixed = options.store?.mixed;
  if (mixed === undefined) return new Map();
  const adapted = new Set(adaptedLayers(source.config, adapter).map(({ path }) => path));
  const importance = (layer: LinearLayer) => squared?.of(layer) ?? null;
  return await chosenForms(context, { ...beginning, adapter, adapted, mixed, importance });
}

function quantizedIn(forms: Forms, { path, in: inputs }: LinearLayer): Origin['quantized'] {
  const place = forms.get(path);
  if (place === undefined) return null;
  const quantize = quantizeAs(inputs, place);
  return (matrix) => denseOf(quantize(matrix));
}

/** Null where the adapter weighs all values the same. Collective. */
async function squaredGradients(
  context: Pick<RoleContext, 'emit' | 'folder' | 'stop'>,
  beginning: Beginning,
  adapter: Adapter,
): Promise<SquaredGradients | null> {
  const { emit, folder } = context;
  const { fisherBatches: total = 0 } = adapter;
  if (total === 0) return null;
  const report = {
    type: 'stage',
    stage: 'Prepare',
    subject: calibrationSubject.gradients,
  } as const;
  emit({ ...report, state: 'Started' });
  const layers = adaptedLayers(beginning.source.config, adapter);
  using unfinished = new DisposableStack();
  const squared = unfinished.use(new SquaredGradients({ ...beginning, folder }, layers));
  await passes(context, beginning, { report, total, pass: (position) => squared.add(position) });
  squared.finish();
  trimMemory();
  emit({ ...report, state: 'Done' });
  unfinished.move();
  return squared;
}

interface Passes {
  readonly report: { readonly type: 'stage'; readonly stage: 'Prepare'; readonly subject: string };
  readonly total: number;
  readonly pass: (index: number) => void;
}

/** Passes over training batches, each told. */
async function passes(
  { emit, stop }: Pick<RoleContext, 'emit' | 'stop'>,
  { stopping }: Pick<Beginning, 'stopping'>,
  { report, total, pass }: Passes,
): Promise<void> {
  for (let index = 0; index < total; index += 1) {
    pass(index);
    emit({ ...report, state: 'Running', done: index + 1, total });
    // A request to stop is received here, between passes.
    await setImmediate();
    if (stopping()) stop.throwIfAborted();
  }
}

interface Reading {
  readonly dtype?: 'float32' | 'float64';
  readonly importance?: Origin['importance'];
  readonly quantized?: Origin['quantized'];
}

/** What the adapter begins with, for one layer, by suffix. */
export function decompose(
  source: ModelSource,
  adapter: Adapter,
  layer: LinearLayer,
  { dtype = 'float32', importance = () => null, quantized = null }: Reading = {},
): Readonly<Record<string, Tensor>> {
  return scope(() => {
    const name = `${layer.path}.weight`;
    const weight = source.load(name, dtype);
    requireFinite(name, weight);
    const from = { ...nothing, weight: () => weight, importance, quantized };
    const found = adapter.decompose?.(layer, from) ?? {};
    releasePages(weight);
    return found;
  }, 'cpu');
}

class OwnFactors implements Disposable {
  readonly byName = new Map<string, Tensor>();

  take({ path }: LinearLayer, found: Readonly<Record<string, Tensor>>): void {
    for (const [suffix, tensor] of Object.entries(found)) {
      this.byName.set(`${path}.${suffix}`, keep(tensor));
    }
  }

  readonly takeStored = (name: string, tensor: Tensor): void => {
    this.byName.set(name, keep(tensor));
  };

  [Symbol.dispose](): void {
    for (const tensor of this.byName.values()) tensor.dispose();
  }
}
