// The memory of a job while it is being written. A separate process describes each model once, from
// configuration and headers; the plan itself is arithmetic and is recomputed for every answer.
import {
  type FineTuneJobSpec,
  formatProblems,
  invariant,
  type JobPlan,
  parseManifest,
  planJob,
  toAnnealError,
} from '../../crds/index.ts';
import { requireTask } from '../../crds/plan/require-task.ts';
import type { DescribedModel } from '../../crds/wire/described-model.ts';
import type { Device } from '../estimate/devices.ts';
import { bytes } from '../terminal/numbers.ts';
import { type Answers, manifestText, preferences } from './manifest-text.ts';
import type { Needs } from './questions.ts';

export type Described =
  | { readonly type: 'Asking' }
  | { readonly type: 'Known'; readonly model: DescribedModel }
  | { readonly type: 'Unknown'; readonly why: string };

export type Describe = (answers: Answers, signal: AbortSignal) => Promise<DescribedModel>;

export class Estimator implements Disposable {
  readonly #describe: Describe;
  readonly #known = new Map<string, Described>();
  readonly #listeners = new Set<() => void>();
  #asking = new AbortController();
  #version = 0;

  constructor(describe: Describe) {
    this.#describe = describe;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Changes when there is something new to draw. */
  get version(): number {
    return this.#version;
  }

  /** The model at a source; undefined where it was not requested. */
  of(source: string): Described | undefined {
    return this.#known.get(source);
  }

  /** Requests the model at a source, and cancels the previous request. */
  ask(source: string, answers: Answers): void {
    if (source === '' || this.#known.has(source)) return;
    this.#asking.abort();
    for (const [key, { type }] of this.#known) if (type === 'Asking') this.#known.delete(key);
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    this.#tell(source, { type: 'Asking' });
    const tell = (found: Described): void => {
      if (!signal.aborted) this.#tell(source, found);
    };
    this.#describe(answers, signal).then(
      (model) => tell({ type: 'Known', model }),
      (error: unknown) => tell({ type: 'Unknown', why: toAnnealError(error).message }),
    );
  }

  #tell(source: string, found: Described): void {
    this.#known.set(source, found);
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }

  [Symbol.dispose](): void {
    this.#asking.abort();
  }
}

/** A model that is known, and cannot learn what the answers want, is as good as unknown. */
export function forTask(described: Described | undefined, answers: Answers): Described | undefined {
  if (described?.type !== 'Known') return described;
  const { family, contextLength, facts } = described.model;
  try {
    requireTask(specOf(answers), { kind: facts.kind, family, contextLength });
    return described;
  } catch (error) {
    return { type: 'Unknown', why: toAnnealError(error).message };
  }
}

function specOf(answers: Answers): FineTuneJobSpec {
  const parsed = parseManifest(manifestText(answers), 'job');
  invariant(parsed.ok, parsed.ok ? '' : formatProblems(parsed.problems));
  const spec = parsed.jobs[0]?.job.spec;
  invariant(spec !== undefined, 'a job file that was just written has a job');
  return spec;
}

/** The plan of the job on a device. */
export function planOf(
  answers: Answers,
  { facts, storedBytes }: DescribedModel,
  device: Device,
): JobPlan {
  const spec = specOf(answers);
  const storedBfloat16 = (storedBytes['BF16'] ?? 0) / 2;
  return planJob({ spec, facts, storedBfloat16, device: device.memory, ranks: 1, shards: 1 });
}

export function needsOf(answers: Answers, model: DescribedModel, device: Device): Needs {
  return Object.fromEntries(
    preferences.map((prefer) => {
      const { peak, fits } = planOf({ ...answers, prefer }, model, device).memory;
      return [prefer, { words: `${bytes(peak)}${fits ? '' : ', too much'}`, fits }];
    }),
  );
}
