// What the loss of distillation compares with: the base model passes once over the documents of the
// run, before the first step, and the most likely tokens of each target are kept in a file. So a
// teacher takes no memory beside the model that trains, whatever the method changes of that, and
// several epochs cost one pass. Ranks take sequences in turn.

import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Bug } from '../../crds/failures/errors.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { rowsOfTeacherFile } from '../../crds/plan/teacher-bytes.ts';
import { teacherSubject } from '../../crds/stages/subjects.ts';
import { type PreparedRecord, type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import type { InitialPlace } from '../checkpoint/initial-folder.ts';
import {
  openTeacherFile,
  type TaughtDocuments,
  type TeacherFile,
  TeacherWriter,
} from '../checkpoint/teacher-file.ts';
import type { Feed } from '../data/feed.ts';
import { firstUses } from '../data/first-sequences.ts';
import { roundsOf } from '../data/rounds.ts';
import { headTop } from '../decoder/head.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import { type BuildOptions, frozenModel, modelSource } from '../engine/build-model.ts';
import { requireFinite } from '../engine/finite.ts';
import type { Model } from '../engine/model.ts';
import type { Objective } from '../engine/objective.ts';
import { type HostSequence, type TeacherRows, toSequence } from '../engine/packed-sequence.ts';
import { withLayer } from '../engine/weights.ts';
import { distillationLoss } from '../methods/rules/distillation.ts';
import type { RoleContext } from '../role.ts';
import type { JoinedWorld } from '../sharding/join-world.ts';
import { type ShardedModel, sharedModel, wholeModel } from '../sharding/sharded-model.ts';
import type { Device } from '../tensor/device.ts';
import { trimMemory } from '../tensor/memory.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { item, onDevice, type Tensor } from '../tensor/tensor.ts';
import type { TrainerPlan } from './parts.ts';

export interface Distillation extends Disposable {
  readonly objective: Objective;
  /** What the teacher says of a sequence. */
  readonly rows: Pick<TeacherFile, 'of'>;
}

interface Teaching extends Pick<TrainerPlan, 'totalSteps' | 'nonFinite'> {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly options: BuildOptions;
  readonly device: Device;
  readonly joined: JoinedWorld;
  readonly files: ModelFiles;
  readonly feed: Feed;
  readonly stopping: () => boolean;
}

/** Null where the job does not distill. Collective. */
export async function distillationOf(
  context: Pick<RoleContext, 'folder' | 'emit' | 'stop'>,
  teaching: Teaching,
): Promise<Distillation | null> {
  const settings = teaching.run.spec.training.distillation;
  if (settings === undefined) return null;
  const { world } = teaching.joined;
  const asked = {
    count: Math.min(settings.topK, teaching.files.config.V),
    temperature: Number(settings.temperature),
  };
  const place = placeOf(context.folder, teaching, asked);
  let rows = await openTeacherFile(place);
  // Each rank has it, or all make it.
  if (world.agree(rows === null) || rows === null) {
    rows?.[Symbol.dispose]();
    await teach(context, teaching, { asked, place });
    rows = await openTeacherFile(place);
  }
  if (rows === null) throw new Bug(`the teacher left nothing in ${place.root}`);
  const { temperature } = asked;
  return {
    objective: distillationLoss({ weight: Number(settings.weight), temperature }),
    rows,
    [Symbol.dispose]: () => rows[Symbol.dispose](),
  };
}

interface Asked {
  readonly count: number;
  readonly temperature: number;
}

/**
 * Positions of the data that the teacher is asked about: those of all steps, and one more for each
 * rollback, which leaves its batch out. An epoch has all documents.
 */
function positionsOf({ totalSteps, nonFinite, feed }: Teaching): number {
  const epoch = Math.ceil(feed.sequences / feed.sequencesPerStep);
  return Math.min(epoch, totalSteps + nonFinite.maxRollbacks);
}

function placeOf(folder: string, teaching: Teaching, asked: Asked): InitialPlace {
  const { run, prepared, options } = teaching;
  const { shuffleSeed, packing, sequenceLength } = run.spec.dataset;
  const { model, data } = prepared;
  return {
    root: run.initial ?? join(folder, runFiles.initial),
    key: digestOf({
      ...{ model: model.digest, data: data.digest, dtype: options.dtype, asked },
      ...{ shuffleSeed, packing, sequenceLength, positions: positionsOf(teaching) },
      sequences: teaching.feed.sequencesPerStep,
    }),
  };
}

interface Pass {
  readonly asked: Asked;
  readonly place: InitialPlace;
}

async function teach(
  { folder, emit, stop }: Pick<RoleContext, 'folder' | 'emit' | 'stop'>,
  teaching: Teaching,
  { asked, place }: Pass,
): Promise<void> {
  const { joined, feed, prepared, stopping } = teaching;
  const { world } = joined;
  const report = { type: 'stage', stage: 'Prepare', subject: teacherSubject } as const;
  emit({ ...report, state: 'Started' });
  const partial = join(folder, `${runFiles.initial}.partial`);
  const base = prepared.model.digest;
  const writer = await TeacherWriter.begin({ ...place, partial, base, world });
  using taught = new Taught(asked);
  {
    using held = baseModel(teaching);
    const rounds = roundsOf(firstUses(feed, positionsOf(teaching)), world.size);
    let rows = 0;
    let done = 0;
    for (const round of rounds) {
      const own = round[world.rank];
      taught.add(held.model, own === undefined ? [] : [own]);
      const targets = round.reduce((sum, { targetCount }) => sum + targetCount, 0);
      rows += targets;
      done += targets;
      emit({ ...report, state: 'Running', done, unit: 'Tokens' });
      // A request to stop is received here, between sequences.
      await setImmediate();
      if (stopping()) stop.throwIfAborted();
      if (rows < rowsOfTeacherFile * world.size) continue;
      rows = 0;
      await taught.write(writer);
    }
    await taught.write(writer);
  }
  await writer.end();
  // What the pass took is needed for the model itself next.
  trimMemory();
  const [others = 0, all = 0] = world.sum([taught.others, taught.rows]);
  const share = `${((100 * others) / all).toPrecision(2)} %`;
  const note = `${all} target tokens; ${share} of the probability is not of the ${asked.count} most likely`;
  emit({ ...report, state: 'Done', note });
}

/** The model as its files have it, frozen. */
function baseModel({ files, options, device, joined }: Teaching): ShardedModel {
  const { dtype, sequenceLength } = options;
  const source = modelSource(files);
  const own = { dtype, device, sequenceLength };
  const { group } = joined;
  if (group === null) return wholeModel(frozenModel(source, own));
  const sharing = { group, config: files.config, dtype, layout: 'slice', now: () => 0 } as const;
  return sharedModel(sharing, (shardLayer) => frozenModel(source, { ...own, shardLayer }));
}

/** What was found and not yet written, on the host. */
class Taught implements Disposable {
  readonly #asked: Asked;
  #documents: number[] = [];
  #counts: number[] = [];
  #parts: TeacherRows[] = [];
  /** Probability of other tokens, summed over rows. */
  others = 0;
  rows = 0;

  constructor(asked: Asked) {
    this.#asked = asked;
  }

  /** Collective: a rank without a sequence takes part in gathering the weights. */
  add(model: Model, hosts: readonly HostSequence[]): void {
    for (const part of scope(() => this.#pass(model, hosts), model.device)) {
      this.#parts.push({ ids: keep(part.ids), logQ: keep(part.logQ) });
    }
    for (const host of hosts) {
      this.rows += host.targetCount;
      this.#documents.push(...(host.documents ?? []));
      this.#counts.push(...targetsOf(host));
    }
  }

  #pass(model: Model, hosts: readonly HostSequence[]): readonly TeacherRows[] {
    const sequences = hosts.map((host) => toSequence(model, host));
    using walk = new BlockWalk(model, sequences, { head: true });
    const streams = walk.finish();
    return withLayer(model, model.places.outlet, null, () =>
      sequences.flatMap((sequence, a) => {
        const x = streams[a];
        if (x === undefined) return [];
        const { ids, logQ } = headTop(model, x, sequence, this.#asked);
        requireFinite('what the teacher says', ops.narrow(logQ, 1, 0, this.#asked.count));
        const others = ops.exp(ops.narrow(logQ, 1, this.#asked.count, 1));
        this.others += item(ops.sum(others, { dtype: 'float64' }));
        return [{ ids: onDevice(ids, 'cpu'), logQ: onDevice(logQ, 'cpu') }];
      }),
    );
  }

  /** Also where there is nothing: all ranks write as many files. */
  async write(writer: TeacherWriter): Promise<void> {
    const { count } = this.#asked;
    using made = new DisposableStack();
    const joined = (name: keyof TeacherRows, empty: () => Tensor) => {
      const parts = this.#parts.map((part) => part[name]);
      const whole = scope(() => (parts.length === 0 ? empty() : ops.cat(parts, 0)), 'cpu');
      return made.adopt(keep(whole), (own) => own.dispose());
    };
    const taught: TaughtDocuments = {
      documents: this.#documents,
      rows: this.#counts,
      ids: joined('ids', () => ops.zeros([0, count], { dtype: 'int32' })),
      logQ: joined('logQ', () => ops.zeros([0, count + 1], { dtype: 'float32' })),
    };
    this[Symbol.dispose]();
    await writer.add(taught);
  }

  [Symbol.dispose](): void {
    for (const { ids, logQ } of this.#parts) {
      ids.dispose();
      logQ.dispose();
    }
    this.#parts = [];
    this.#documents = [];
    this.#counts = [];
  }
}

/** Target tokens of each document. */
function targetsOf({ labels, offsets, documents = [] }: HostSequence): readonly number[] {
  return documents.map((_, i) => {
    const own = labels.subarray(offsets[i] ?? 0, offsets[i + 1] ?? 0);
    return own.reduce((count, label) => count + (label < 0 ? 0 : 1), 0);
  });
}
