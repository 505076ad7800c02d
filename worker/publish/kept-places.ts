// What is kept of each block when a model is cut out of the base: the channels of its MLP and the
// key/value heads that count most. With training data a place counts by how much it adds to the
// output of its block, the mean square of what it feeds into `down` or `o` times the squares of the
// weights that read it; without, by the squares of all weights that belong to it (LLM-Pruner's
// groups).
import { setImmediate } from 'node:timers/promises';
import type { Pruning } from '../../crds/api/pruning.ts';
import type { PrunedSizes } from '../../crds/plan/pruned-sizes.ts';
import type { KeptPlaces } from '../../crds/wire/pruned-model.ts';
import { type DecoderConfig, decoderConfig } from '../decoder/config.ts';
import { type Role, tensorName } from '../decoder/names.ts';
import type { Model } from '../engine/model.ts';
import type { RoleContext } from '../role.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, toArray } from '../tensor/tensor.ts';
import type { ArtifactFacts } from './artifact.ts';
import { ColumnImportance } from './calibration.ts';

type Context = Pick<RoleContext, 'emit' | 'stop'>;

export async function choosePlaces(
  facts: ArtifactFacts,
  { calibrationSequences: count }: Pick<Pruning, 'calibrationSequences'>,
  sizes: PrunedSizes,
  context: Context,
): Promise<readonly KeptPlaces[]> {
  const { emit, stop } = context;
  const { model } = facts;
  using importance = count === 0 ? null : new ColumnImportance(facts, count, context);
  await importance?.measure();
  const layers: KeptPlaces[] = [];
  for (let layer = 0; layer < model.config.L; layer += 1) {
    layers.push(placesOf(new Block(model, layer, importance), sizes));
    const progress = { done: layer + 1, total: model.config.L, unit: 'Blocks' } as const;
    emit({ type: 'stage', stage: 'Export', state: 'Running', subject: 'kept places', ...progress });
    // A request to stop is received here.
    await setImmediate();
    stop.throwIfAborted();
  }
  return layers;
}

function placesOf(block: Block, { I, NK }: PrunedSizes): KeptPlaces {
  const { config } = block;
  const [gate, up] = config.fused ? (['gateUp'] as const) : (['gate', 'up'] as const);
  const channels = scope(() => block.counts('down', [gate, up], config.I));
  const rows = config.fused ? (['qkv'] as const) : (['q', 'k', 'v'] as const);
  const heads = scope(() => block.counts('o', rows, config.NK));
  return { channels: most(channels, I), heads: most(heads, NK) };
}

/** The places of the largest values, in rising order; of equal ones the first. */
export function most(values: readonly number[], count: number): number[] {
  const order = values.map((_, place) => place);
  order.sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
  return order.slice(0, count).sort((a, b) => a - b);
}

class Block {
  readonly config: DecoderConfig;
  readonly #model: Model;
  readonly #layer: number;
  readonly #importance: ColumnImportance | null;

  constructor(model: Model, layer: number, importance: ColumnImportance | null) {
    this.config = decoderConfig(model.config);
    this.#model = model;
    this.#layer = layer;
    this.#importance = importance;
  }

  /** Of each of `places` equal parts of what `reader` reads, made by the rows of `makers`. */
  counts(
    reader: 'down' | 'o',
    makers: readonly (Role | undefined)[],
    places: number,
  ): readonly number[] {
    const name = tensorName(this.config, reader, this.#layer);
    const ofColumns = scope(() => ops.sumDim(this.#squares(reader), [0]));
    const inputs = this.#importance?.of(name);
    if (inputs !== undefined && inputs !== null) {
      return toArray(inParts(ops.mul(ofColumns, inputs), places));
    }
    const all = inParts(ofColumns, places);
    for (const role of makers) if (role !== undefined) this.#addRows_(all, role, places);
    return toArray(all);
  }

  #addRows_(all: Tensor, role: Role, places: number): void {
    scope(() => {
      const rows = ops.sumDim(this.#squares(role), [1]);
      for (const part of this.#parts(role, rows)) ops.add_(all, inParts(part, places));
    });
  }

  /** A fused matrix has the rows of two or three, one behind the other. */
  #parts(role: Role, rows: Tensor): readonly Tensor[] {
    const { NH, NK, D, I } = this.config;
    if (role === 'gateUp') return ops.splitSizes(rows, [I, I], 0);
    return role === 'qkv' ? ops.splitSizes(rows, [NH * D, NK * D, NK * D], 0) : [rows];
  }

  #squares(role: Role): Tensor {
    const { value } = this.#model.parameters.get(tensorName(this.config, role, this.#layer));
    return ops.square(ops.to(value, 'float32'));
  }
}

/** Sums of equal parts of a vector, in float32. */
function inParts(values: Tensor, places: number): Tensor {
  const size = (values.shape[0] ?? 0) / places;
  return ops.sumDim(ops.view(ops.contiguous(values), [places, size]), [1]);
}
