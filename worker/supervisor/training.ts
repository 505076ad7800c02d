// The training of one job inside one pod: folders, processes, checkpoints. What the supervisor decides, this does on disk.
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { digestOfText } from '../../crds/plan/digest.ts';
import { specOf } from '../../crds/wire/plan-record.ts';
import type { CheckpointHead, DesiredRecord, StateRecord } from '../../crds/wire/state.ts';
import type { Clock } from '../clock.ts';
import { startChild } from './child.ts';
import type { PodConfig } from './config.ts';
import type { ControlGroup } from './control-group.ts';
import {
  generationFolder,
  openGeneration,
  type RunPlace,
  runPlace,
  settleTrained,
  trainedIn,
} from './generation-folder.ts';
import { checkNode, type NodeCheck } from './node-check.ts';
import type { PodPlan } from './pod-plan.ts';
import type { Report } from './report.ts';
import { adjusted, writeRun } from './run-record.ts';
import type { TrainingResult } from './situation.ts';
import type { Saved } from './trainer-facts.ts';
import { TrainerProcess } from './trainer-process.ts';

interface TrainingParts {
  readonly config: PodConfig;
  readonly plan: PodPlan;
  readonly clock: Clock;
  readonly group: ControlGroup;
  readonly report: Report;
  /** File to run as the worker. */
  readonly worker: string;
}

export class Training {
  readonly #parts: TrainingParts;
  readonly #place: RunPlace;

  constructor(parts: TrainingParts) {
    this.#parts = parts;
    const { config, plan } = parts;
    this.#place = runPlace(config.runFolder, plan.spec, config.volumes);
  }

  checkNode(): Promise<NodeCheck> {
    const { config, group } = this.#parts;
    const { folder, checkpoints } = this.#place;
    const folders = [folder, ...(checkpoints === undefined ? [] : [checkpoints])];
    return checkNode({ folders, podUid: config.pod.uid, group });
  }

  /** A trainer that goes on from the checkpoint in the record. */
  async start(
    state: StateRecord,
    desired: DesiredRecord | undefined,
    onChange: () => void,
  ): Promise<TrainerProcess> {
    const { config, plan, clock, group, report, worker } = this.#parts;
    const { generation, checkpoint, adjustments } = state;
    // Fields that may change while workers run are taken as they are now.
    const spec = adjusted(specOf(plan.record, desired?.live ?? config.live), adjustments);
    const run = await writeRun(config, spec, clock.now());
    const folder = await openGeneration(this.#place, generation, checkpoint, run);
    return new TrainerProcess({
      generation,
      clock,
      hangTimeoutSeconds: spec.failurePolicy.hangTimeoutSeconds,
      start: (onMessage) =>
        startChild({
          ...{ worker, role: 'train', folder, group },
          onMessage: (message) => {
            report.telemetry(message);
            onMessage(message);
          },
          onLine: (line) => report.line('info', 'worker', line),
        }),
      result: () => this.#result(generation),
      onChange,
    });
  }

  /** What the record says of a checkpoint: where its manifest is below the destination, and what is in it. */
  async headOf(generation: number, { step, path }: Saved): Promise<Omit<CheckpointHead, 'time'>> {
    const manifest = await readFile(join(path, 'manifest.json'), 'utf8');
    return {
      ...{ step, generation },
      manifest: `gen-${generation}/${basename(path)}`,
      digest: digestOfText(manifest),
    };
  }

  /** Makes the committed result the result of the run, for whoever publishes it. */
  async settle({ checkpoint }: StateRecord): Promise<void> {
    if (checkpoint !== undefined) await settleTrained(this.#place, checkpoint.generation);
  }

  async #result(
    generation: number,
  ): Promise<(TrainingResult & { readonly saved: Saved }) | undefined> {
    const trained = await trainedIn(this.#place, generation);
    if (trained === null) return undefined;
    const { report, checkpoint } = trained;
    const reason = report.end.reason === 'FinishedEarly' ? 'FinishedEarly' : 'Finished';
    if (report.end.reason === 'Stopped' || report.end.reason === 'Failed') return undefined;
    const step = report.training.steps;
    // The path that the trainer wrote leads through the folder of its generation.
    const folder = join(generationFolder(this.#place, generation), 'checkpoints');
    return { reason, step, saved: { step, path: join(folder, basename(checkpoint)) } };
  }
}
