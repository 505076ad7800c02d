// An adapter generator on this machine: worker processes one after the other, first on a run folder
// for the records of each task, then on the folder of the generator. The same command goes on after
// a kill: what has a record is done, and training goes on from its checkpoint.
import { join } from 'node:path';
import type { DataSource } from '../../crds/api/dataset.ts';
import { digestOf } from '../../crds/index.ts';
import {
  type GeneratedRecord,
  type GeneratorRun,
  generatedRecord,
  generatorFiles,
} from '../../crds/wire/generator.ts';
import { preparedRecord, type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { type LocalOutcome, runRole } from '../client/local-run.ts';
import type { Stored } from '../client/numbered-store.ts';
import { readWhole, writeJson } from '../client/whole-json.ts';
import { taskJob } from './task-job.ts';

interface GeneratorContext {
  /** Main file of the worker process. */
  readonly worker: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  readonly view: GeneratorView;
}

export interface GeneratorView {
  /** Of a process: what it works on, and how far it is. */
  progress(who: string, words: string): void;
  warn(sentence: string): void;
  /** At the end. */
  made(record: GeneratedRecord): void;
}

export async function runGenerator(
  { folder, record }: Stored<GeneratorRun>,
  context: GeneratorContext,
): Promise<LocalOutcome> {
  for (const { who, place, source } of recordsIn(folder, record)) {
    // Written once: a template may print the time of its making.
    if ((await readWhole(place, runFiles.prepared, preparedRecord)) !== null) continue;
    await writeJson(place, runFiles.run, recordFor(record, source));
    const ended = await inTurn(context, { who, role: 'prepare', folder: place });
    if (ended.type !== 'Complete') return ended;
  }
  for (const role of ['collect', 'fit', 'generate']) {
    const ended = await inTurn(context, { who: role, role, folder });
    if (ended.type !== 'Complete') return ended;
  }
  const made = await readWhole(folder, generatorFiles.generated, generatedRecord);
  if (made !== null) context.view.made(made);
  return { type: 'Complete' };
}

interface Records {
  readonly who: string;
  readonly place: string;
  readonly source: DataSource;
}

function recordsIn(folder: string, { spec }: GeneratorRun): readonly Records[] {
  const tasks = spec.tasks.map(({ name, records }): Records => {
    return { who: name, place: join(folder, generatorFiles.tasks, name), source: records };
  });
  const examples = spec.generate.flatMap(({ name, examples: source }): readonly Records[] => {
    const place = join(folder, generatorFiles.examples, name);
    return source === undefined ? [] : [{ who: name, place, source }];
  });
  return [...tasks, ...examples];
}

function recordFor(run: GeneratorRun, source: DataSource): RunRecord {
  const { name, namespace, folder, volumes, cache, device, threads, createdAt } = run;
  const spec = taskJob(run.spec, source);
  const { model, dataset } = spec;
  const digest = digestOf({ model, dataset });
  return {
    ...{ version: 1, name, namespace, folder, spec, digest, volumes, cache, device, threads },
    createdAt,
  };
}

interface Turn {
  readonly who: string;
  readonly role: string;
  readonly folder: string;
}

async function inTurn(context: GeneratorContext, { who, role, folder }: Turn) {
  const { worker, variables, stop, kill, view } = context;
  if (stop.aborted) return { type: 'Stopped' } as const;
  const onMessage = (message: Telemetry): void => tell(view, who, message);
  const running = runRole({ worker, folder, variables, onMessage, stop, kill }, role);
  view.progress(who, role);
  return await running;
}

function tell(view: GeneratorView, who: string, message: Telemetry): void {
  if (message.type === 'warning') view.warn(`${who}: ${message.message}`);
  if (message.type !== 'stage' || message.state === 'Done') return;
  const { stage, done, total, note, subject } = message;
  if (stage === 'Train' && total !== undefined) {
    const far = `epoch ${done ?? 0} of ${total}`;
    view.progress(who, note === undefined ? far : `${far} · ${note}`);
  }
  if (stage === 'Export' && subject !== undefined) view.progress(who, subject);
}
