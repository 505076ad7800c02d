// The principal directions of the inputs of linear layers on training data, and how many of them
// each layer gets. A model without the adapter passes forward, block by block, over some sequences.
// Every rank computes all of them, and adds up and decomposes inputs in turn: so any number of
// workers finds the same bits.
import { TerminalError } from '../../crds/failures/errors.ts';
import type { ShardLayout } from '../../crds/plan/shards.ts';
import { familyOf } from '../decoder/registry.ts';
import { BlockInputs } from '../engine/block-inputs.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import { type BuildOptions, frozenModel, type ModelSource } from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import { type HostSequence, toSequence } from '../engine/packed-sequence.ts';
import type { World } from '../engine/world.ts';
import type { Calibration, Components, LinearLayer } from '../methods/adapters/adapter.ts';
import { planRanks } from '../methods/adapters/rank-plan.ts';
import type { ProcessGroup } from '../sharding/process-group.ts';
import { type ShardedModel, sharedModel, wholeModel } from '../sharding/sharded-model.ts';
import type { Device } from '../tensor/device.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { indices, type Tensor } from '../tensor/tensor.ts';
import { type Directions, InputSums } from './input-covariance.ts';

interface Measured {
  readonly source: ModelSource;
  readonly options: BuildOptions;
  readonly device: Device;
  readonly group: ProcessGroup | null;
  readonly layout: ShardLayout;
  readonly world: World;
  readonly calibration: Calibration;
  readonly layers: readonly LinearLayer[];
  readonly sequences: readonly HostSequence[];
}

interface PlannedComponents extends Disposable {
  /** Of the layers that this rank decomposed. */
  readonly byLayer: ReadonlyMap<LinearLayer, Components & { readonly rank: number }>;
  /** Of all layers. */
  readonly ranks: readonly number[];
}

/** Collective. */
export function plannedComponents(measured: Measured): PlannedComponents {
  const { calibration, layers, world } = measured;
  using held = measuredModel(measured);
  const found = inputsOf(held.model, measured);
  const shares = sharesOfAll(found, measured);
  const ranks = planRanks(
    layers.map(({ path }) => shares.get(path) ?? []),
    calibration.rank * layers.length,
  );
  const rankOf = new Map(layers.map((layer, i) => [layer, ranks[i] ?? 0]));
  const own = layers.flatMap((layer) => {
    const directions = found.find(({ paths }) => paths.includes(layer.path))?.directions;
    const rank = rankOf.get(layer) ?? 0;
    if (!directions) return [];
    const singularValues = directions.singularValues.slice(0, rank);
    return [
      [layer, { rank, singularValues, rows: keep(firstRows(directions.rows, rank)) }] as const,
    ];
  });
  for (const { directions } of found) directions?.rows.dispose();
  world.agree(false);
  return {
    byLayer: new Map(own),
    ranks,
    [Symbol.dispose]() {
      for (const [, { rows }] of own) rows.dispose();
    },
  };
}

function firstRows(rows: Tensor, count: number): Tensor {
  return scope(() => ops.clone(ops.narrow(rows, 0, 0, count)));
}

function measuredModel({ source, options, device, group, layout }: Measured): ShardedModel {
  const { dtype, sequenceLength, store } = options;
  const own = {
    ...{ dtype, device, sequenceLength },
    ...(store === undefined ? {} : { store }),
  };
  if (group === null) return wholeModel(frozenModel(source, own));
  const sharing = { group, config: source.config, dtype, layout, now: () => 0 };
  return sharedModel(sharing, (shardLayer) => frozenModel(source, { ...own, shardLayer }));
}

/** An input, the layers that read it, and its directions where this rank has them. */
interface FoundInput {
  readonly paths: readonly string[];
  readonly directions: Directions | null;
}

function inputsOf(model: Model, { sequences: hosts, calibration, ...measured }: Measured) {
  const { world, layers } = measured;
  const targeted = new Set(layers.map(({ path }) => path));
  const blocks = 1 + Math.max(...layers.map(({ layer }) => layer));
  const found: FoundInput[] = [];
  scope(() => {
    const sequences = hosts.map((host) => toSequence(model, host));
    const masks = masksOf(model, calibration);
    const rows = hosts.map((host) => rowsOf(host, masks));
    if (rows.every((own) => own?.numel === 0)) throw nothingToMeasure(hosts.length);
    using walk = new BlockWalk(model, sequences, { blocks });
    while (!walk.isOver) {
      const first = found.length;
      using inputs = new BlockInputs((x, place) =>
        (first + place) % world.size === world.rank ? new InputSums(x) : null,
      );
      walk.advance({
        input(path, x, a) {
          if (targeted.has(path)) inputs.add(path, x, rows[a] ?? null);
        },
      });
      for (const { paths, sums } of inputs.inputs) {
        const own = sums?.directions(calibration.most, calibration.directions) ?? null;
        found.push({ paths, directions: own && { ...own, rows: keep(own.rows) } });
      }
    }
  }, model.device);
  return found;
}

type Masks = Pick<Calibration, 'useLabelMask' | 'maskFirstToken'>;

/** Where labels are of whole documents or pictures, no token is one that predicts none. */
function masksOf({ config }: Model, { useLabelMask, maskFirstToken }: Masks): Masks {
  const ofTokens = familyOf(config).targets === 'Tokens';
  return { useLabelMask: useLabelMask && ofTokens, maskFirstToken };
}

/** The tokens of a sequence that count; null for all. */
function rowsOf(
  { labels, positions }: HostSequence,
  { useLabelMask, maskFirstToken }: Masks,
): Tensor | null {
  if (!useLabelMask && !maskFirstToken) return null;
  const rows = [...labels.keys()].filter(
    (row) =>
      !(useLabelMask && (labels[row] ?? -1) < 0) && !(maskFirstToken && positions[row] === 0),
  );
  return indices(rows);
}

function nothingToMeasure(count: number): TerminalError {
  return new TerminalError({
    code: 'E_INVALID_DATA',
    message: `no token of the first ${count} sequences is left to measure activations on`,
    hint: 'set useLabelMask: false, or a larger calibrationSequences',
  });
}

/** By path, the same at all ranks: each adds those that it has. */
function sharesOfAll(
  found: readonly FoundInput[],
  { world, calibration: { most }, layers }: Measured,
): ReadonlyMap<string, readonly number[]> {
  const sizes = new Map(layers.map((layer) => [layer.path, Math.min(most, layer.in)]));
  const lengths = found.map(({ paths }) => sizes.get(paths[0] ?? '') ?? 0);
  const own = found.flatMap(
    ({ directions }, i) => directions?.shares ?? new Array<number>(lengths[i] ?? 0).fill(0),
  );
  const sum = world.sum(own);
  let at = 0;
  return new Map(
    found.flatMap(({ paths }, i) => {
      const shares = sum.slice(at, at + (lengths[i] ?? 0));
      at += lengths[i] ?? 0;
      return paths.map((path) => [path, shares] as const);
    }),
  );
}
