// The training of one job inside one pod: folders, a process for each device, checkpoints. What the
// supervisor decides, this does on disk.
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { Clock } from '../../crds/clock.ts';
import { digestOfText } from '../../crds/plan/digest.ts';
import { copiesVariable } from '../../crds/wire/copies.ts';
import { specOf } from '../../crds/wire/plan-record.ts';
import type {
  CheckpointHead,
  DesiredRecord,
  StateRecord,
  WorldRecord,
} from '../../crds/wire/state.ts';
import { startChild } from './child.ts';
import type { PodConfig } from './config.ts';
import type { ControlGroup } from './control-group.ts';
import type { PodCopies } from './copies/pod-copies.ts';
import { checkDevices } from './device-check.ts';
import { checkNode, type NodeCheck } from './node-check.ts';
import type { PodPlan } from './pod-plan.ts';
import type { RankAssignment } from './rank-assignment.ts';
import { type Mark, type Remembered, remember, rememberedIn } from './remembered.ts';
import type { Report } from './report.ts';
import {
  openRound,
  type RunFolders,
  roundFolder,
  runFolders,
  settleTrained,
  trainedIn,
} from './round-folder.ts';
import { adjusted, writeRun } from './run-record.ts';
import type { TrainingResult } from './situation.ts';
import type { Saved } from './trainer-facts.ts';
import { memberVariables, namesOf } from './trainer-member.ts';
import { named } from './trainer-name.ts';
import { TrainerProcess } from './trainer-process.ts';

interface TrainingParts {
  readonly config: PodConfig;
  readonly plan: PodPlan;
  readonly clock: Clock;
  readonly group: ControlGroup;
  readonly report: Report;
  readonly copies: PodCopies;
  /** File to run as the worker. */
  readonly worker: string;
}

interface Beginning {
  readonly state: StateRecord;
  readonly desired: DesiredRecord | undefined;
  readonly assignment: RankAssignment;
  readonly world: WorldRecord;
  readonly onChange: () => void;
}

/**
 * A rank that waits for another in vain says which one: it is heard before its own silence is taken
 * for a fault.
 */
const peersFirstSeconds = 4;

export class Training {
  readonly #parts: TrainingParts;
  readonly #folders: RunFolders;
  /** Of the device, where the driver tells. */
  #product: string | undefined;

  constructor(parts: TrainingParts) {
    this.#parts = parts;
    const { config, plan } = parts;
    this.#folders = runFolders(config.runFolder, plan.spec, config.volumes);
  }

  async checkNode(hasBegun: boolean): Promise<NodeCheck> {
    const { config, group, plan } = this.#parts;
    const { folder, checkpoints } = this.#folders;
    const folders = [folder, ...(checkpoints === undefined ? [] : [checkpoints])];
    const found = await checkNode({ folders, podUid: config.pod.uid, group, hasBegun });
    if (found.type === 'Unfit' || plan.spec.worker.devicesPerWorker === 0) return found;
    const device = await checkDevices(plan.spec.worker.devicesPerWorker, config.addon);
    if (device.type === 'Unfit') return device;
    this.#product = device.product;
    return { type: 'Fit', message: `${device.message}, ${found.message}` };
  }

  /** Trainers that go on from the checkpoint in the record. */
  async start({ state, desired, assignment, world, onChange }: Beginning): Promise<TrainerProcess> {
    const { config, plan, clock, group, report, worker, copies } = this.#parts;
    const { round } = state;
    // Fields that may change while workers run are taken as they are now.
    const spec = adjusted(specOf(plan.record, desired?.live ?? config.live), state.adjustments);
    const folder = await this.#folderOf(state, spec, assignment);
    const kept = await copies.begin({ round, world, assignment });
    const { hangTimeoutSeconds } = spec.failurePolicy;
    const membership = {
      // A round has one world at most, and each trains once.
      ...{ assignment, round, group: `${config.job.uid}/${round}`, address: config.pod.ip },
      onDevices: spec.worker.devicesPerWorker > 0,
      timeoutMs: hangTimeoutSeconds * 1000,
    };
    const names = namesOf(membership);
    const process = new TrainerProcess({
      ...{ round, clock, names },
      hangTimeoutSeconds: hangTimeoutSeconds + (assignment.size === 1 ? 0 : peersFirstSeconds),
      start: (place, onMessage) =>
        startChild({
          ...{ worker, role: 'train', folder, group },
          variables: {
            ...memberVariables(membership, place, group),
            ...(kept === undefined ? {} : { [copiesVariable]: JSON.stringify(kept[place]) }),
          },
          onMessage: (message) => {
            // What every rank says is told once; how one ended is its own to tell.
            const isFirst = assignment.rank + place === 0;
            if (isFirst || message.type === 'failure') report.telemetry(message);
            onMessage(message);
          },
          onLine: (line) => report.line('info', 'worker', named(line, names[place])),
        }),
      result: async () => (assignment.rank === 0 ? this.#result(round) : undefined),
      onChange,
    });
    if (state.checkpoint !== undefined) process.tellCounted(state.checkpoint.step);
    return process;
  }

  /** The first member makes it, before the others look. */
  async #folderOf(
    state: StateRecord,
    spec: FineTuneJobSpec,
    { rank }: RankAssignment,
  ): Promise<string> {
    const { config, clock } = this.#parts;
    const { round, checkpoint } = state;
    if (rank > 0) return roundFolder(this.#folders, round);
    const run = await writeRun(config, spec, clock.now(), this.#product);
    return openRound(this.#folders, round, checkpoint, run);
  }

  /**
   * What the record says of a checkpoint: where its manifest is below the destination, and what is
   * in it.
   */
  async headOf(round: number, { step, path }: Saved): Promise<Omit<CheckpointHead, 'time'>> {
    const manifest = await readFile(join(path, 'manifest.json'), 'utf8');
    return {
      ...{ step, round },
      manifest: `round-${round}/${basename(path)}`,
      digest: digestOfText(manifest),
    };
  }

  remembered(): Promise<Remembered> {
    return rememberedIn(this.#folders);
  }

  remember(mark: Mark): Promise<void> {
    return remember(this.#folders, mark);
  }

  /** Makes the committed result the result of the run, for whoever publishes it. */
  async settle({ checkpoint }: StateRecord): Promise<void> {
    if (checkpoint !== undefined) await settleTrained(this.#folders, checkpoint.round);
  }

  async #result(round: number): Promise<(TrainingResult & { readonly saved: Saved }) | undefined> {
    const trained = await trainedIn(this.#folders, round);
    if (trained === null) return undefined;
    const { report, checkpoint } = trained;
    const reason = report.end.reason === 'FinishedEarly' ? 'FinishedEarly' : 'Finished';
    if (report.end.reason === 'Stopped' || report.end.reason === 'Failed') return undefined;
    const step = report.training.steps;
    // The path that the trainer wrote leads through the folder of its round.
    const folder = join(roundFolder(this.#folders, round), 'checkpoints');
    return { reason, step, saved: { step, path: join(folder, basename(checkpoint)) } };
  }
}
