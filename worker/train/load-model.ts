// The model of a trainer, in its world: what its adapter begins with is computed or read first,
// then the weights are loaded layer by layer.

import type { ResolvedMethod } from '../../crds/index.ts';
import type { DecidedRanks } from '../../crds/methods/adapter-shapes.ts';
import { layoutOf } from '../../crds/plan/kept-parts.ts';
import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { PreparedRecord, RunRecord } from '../../crds/wire/run-folder.ts';
import type { InitialFactors } from '../checkpoint/initial-factors.ts';
import type { Feed } from '../data/feed.ts';
import { firstSequences } from '../data/first-sequences.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { decidedRanks } from '../engine/adapted-layers.ts';
import {
  type BuildOptions,
  buildModel,
  modelSource,
  type ShardLayer,
} from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import type { SharedBase } from '../engine/shared-base.ts';
import { dtypeOf, precisionOf } from '../methods/index.ts';
import type { RoleContext } from '../role.ts';
import type { JoinedWorld } from '../sharding/join-world.ts';
import type { ProcessGroup } from '../sharding/process-group.ts';
import { type ShardedModel, sharedModel, wholeModel } from '../sharding/sharded-model.ts';
import type { Device } from '../tensor/device.ts';
import { initialFactors } from './initial-factors.ts';

interface Loading {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly method: ResolvedMethod;
  readonly device: Device;
  readonly joined: JoinedWorld;
  readonly files: ModelFiles;
  readonly options: BuildOptions;
  readonly stopping: () => boolean;
  readonly feed: Feed;
  readonly modes: readonly TapeMode[];
  /** Of the first step. */
  readonly learningRate: number;
}

interface LoadedModel {
  readonly held: ShardedModel;
  /** Digest of what the adapter began with. */
  readonly initial: string | undefined;
  /** What it decided by data or weights. */
  readonly ranks: DecidedRanks | undefined;
}

/** The model of this rank, and beside it what its adapter decomposes before. */
export async function loadModel(
  context: RoleContext,
  { options, stopping, modes, learningRate, feed, ...opened }: Loading,
): Promise<LoadedModel> {
  const { run, prepared, method, device, joined, files } = opened;
  const { world, group } = joined;
  using initial = await initialFactors(context, {
    ...{ run, prepared, method, options, device, world, group, stopping },
    ...{ modes, learningRate, source: modelSource(files), batchAt: feed.batch },
    sequences: (count) => firstSequences(feed, count),
  });
  const build = (shardLayer?: ShardLayer) =>
    load(context, options, method, {
      ...{ files, device, shardLayer, initial },
      seed: BigInt(run.spec.training.seed),
    });
  const held = shardedModelOf(build, group, {
    ...{ layout: layoutOf(method), config: files.config, dtype: dtypeOf(method) },
    now: () => context.clock.monotonic(),
  });
  const ranks =
    initial === null || options.adapter === null
      ? undefined
      : decidedRanks(files.config, options.adapter, (name) => initial.get(name));
  return { held, initial: initial?.digest, ranks };
}

/** The complete model, or the shards of this rank. */
function shardedModelOf(
  build: (shardLayer?: ShardLayer) => Model,
  group: ProcessGroup | null,
  shared: Omit<Parameters<typeof sharedModel>[0], 'group'>,
): ShardedModel {
  return group === null ? wholeModel(build()) : sharedModel({ ...shared, group }, build);
}

interface Reading {
  readonly files: ModelFiles;
  readonly seed: bigint;
  readonly device: Device;
  readonly shardLayer: ShardLayer | undefined;
  readonly initial: InitialFactors | null;
}

function load(
  { emit, packed }: RoleContext,
  options: BuildOptions,
  method: ResolvedMethod,
  { files, seed, device, shardLayer, initial }: Reading,
): Model {
  const report = { type: 'stage', stage: 'Load', unit: 'Tensors' } as const;
  emit({ ...report, state: 'Started', total: files.tensorNames.length });
  const precision = precisionOf(method, { seed, blocks: files.config.L });
  const model = buildModel(modelSource(files), {
    ...options,
    precision,
    device,
    ...(packed === undefined ? {} : { shared: sharedFrom(packed.all.base, method, device) }),
    ...(initial === null ? {} : { initial: (name) => initial.get(name) }),
    ...(shardLayer === undefined ? {} : { shardLayer }),
  });
  emit({
    ...report,
    state: 'Done',
    done: files.tensorNames.length,
    total: files.tensorNames.length,
  });
  for (const message of precision?.fallbacks(model.parameters.all()) ?? []) {
    emit({ type: 'warning', reason: 'PlainArithmetic', message });
  }
  return model;
}

/** Frozen tensors have the type that the method computes in, or the form of its base. */
function sharedFrom(base: SharedBase, method: ResolvedMethod, device: Device) {
  return { base, form: JSON.stringify([method.base, dtypeOf(method), device]) };
}
