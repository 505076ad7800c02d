// The jobs of a pool, from a list of those that should train and what the process that trains says:
// which to attach, which to let go, and how each is. It starts nothing and reads nothing itself.
import type { TrainingEnd } from '../../crds/api/training-pool.ts';
import { Exit, failureOf, isFailureCode } from '../../crds/failures/table.ts';
import type { PackedMessage, PoolOrder } from '../../crds/wire/packed.ts';
import type { ListedJob, ToldJob } from '../../crds/wire/pool.ts';
import type { Telemetry, TelemetryOf } from '../../crds/wire/telemetry.ts';

/** How a run came to the process, or why it does not. */
export type Begun =
  | { readonly type: 'Ready'; readonly folder: string }
  /** It was trained before; whoever asked has not seen it yet. */
  | { readonly type: 'Trained'; readonly reason: TrainingEnd }
  | { readonly type: 'Failed'; readonly code: string; readonly message: string };

interface PoolJobsFacts {
  /** At one time. */
  readonly most: number;
  readonly say: (order: PoolOrder) => void;
  /** Puts its run folder in order, or says why it cannot. */
  readonly begin: (job: ListedJob) => Promise<Begun>;
  /** How training of the folder ended. */
  readonly endOf: (folder: string) => Promise<TrainingEnd>;
  readonly tell: (job: ListedJob, message: Telemetry) => void;
}

interface KnownJob {
  readonly listed: ListedJob;
  /** Undefined where it never came to the process. */
  run: number | undefined;
  folder: string;
  told: ToldJob;
  failure?: TelemetryOf<'failure'>;
}

export class PoolJobs {
  readonly #facts: PoolJobsFacts;
  readonly #byUid = new Map<string, KnownJob>();

  constructor(facts: PoolJobsFacts) {
    this.#facts = facts;
  }

  get told(): readonly ToldJob[] {
    return [...this.#byUid.values()].map(({ told }) => told);
  }

  /** Brings the jobs to what the list says. One call at a time. */
  async follow(list: readonly ListedJob[]): Promise<void> {
    const wanted = new Map(list.map((job) => [job.uid, job]));
    for (const [uid, known] of this.#byUid) {
      const asked = wanted.get(uid);
      const isAlike = asked !== undefined && isSame(asked, known.listed);
      if (!isAlike) this.#letGo(uid, known);
    }
    for (const job of list) {
      if (this.#byUid.has(job.uid)) continue;
      const run = this.#freeRun();
      if (run === undefined) continue;
      await this.#attach(job, run);
    }
  }

  async hear(said: PackedMessage): Promise<void> {
    const known = [...this.#byUid.values()].find(({ run }) => run === said.run);
    if (known === undefined) return;
    if ('message' in said) return this.#note(known, said.message);
    await this.#end(known, said.exitCode);
  }

  async #attach(listed: ListedJob, run: number): Promise<void> {
    const { uid } = listed;
    const told: ToldJob = { uid, state: 'Attaching' };
    const known: KnownJob = { listed, run: undefined, folder: '', told };
    this.#byUid.set(uid, known);
    const begun = await this.#facts.begin(listed);
    if (begun.type === 'Trained') {
      known.told = { uid, state: 'Trained', reason: begun.reason };
    } else if (begun.type === 'Failed') {
      const { code, message } = begun;
      known.told = { uid, state: 'Failed', code, message: cut(message) };
    } else {
      known.run = run;
      known.folder = begun.folder;
      this.#facts.say({ attach: begun.folder, run });
    }
  }

  #letGo(uid: string, known: KnownJob): void {
    const { state } = known.told;
    if (known.run === undefined) {
      this.#byUid.delete(uid);
    } else if (state !== 'Leaving') {
      known.told = { uid, state: 'Leaving', message: 'it saves and leaves' };
      this.#facts.say({ detach: known.run });
    }
  }

  #note(known: KnownJob, message: Telemetry): void {
    const { told } = known;
    const { uid } = told;
    this.#facts.tell(known.listed, message);
    if (message.type === 'failure') known.failure = message;
    if (told.state === 'Leaving') return;
    if (message.type === 'warning' && message.reason === 'NoPoolCapacity') {
      known.told = { uid, state: 'Waiting', message: cut(message.message) };
    } else if (message.type === 'plan') known.told = { uid, state: 'Training' };
    else if (message.type === 'step' || message.type === 'evaluation') {
      known.told = { ...told, [message.type]: message };
    }
  }

  /** Its number is free from here on. */
  async #end(known: KnownJob, exitCode: number): Promise<void> {
    const { uid, state, step } = known.told;
    known.run = undefined;
    if (exitCode === Exit.Done) {
      const reason = await this.#facts.endOf(known.folder);
      known.told = { uid, state: 'Trained', reason, ...(step && { step }) };
      return;
    }
    if (exitCode === Exit.PlannedStop || state === 'Leaving') {
      this.#byUid.delete(uid);
      return;
    }
    const code = known.failure?.code ?? 'E_INTERNAL';
    const message = known.failure?.message ?? `it ended with exit code ${exitCode}`;
    const { reason } = failureOf(isFailureCode(code) ? code : 'E_INTERNAL');
    known.told = { uid, state: 'Failed', code, message: cut(message || reason) };
  }

  #freeRun(): number | undefined {
    const taken = new Set([...this.#byUid.values()].map(({ run }) => run));
    for (let run = 0; run < this.#facts.most; run++) if (!taken.has(run)) return run;
    return undefined;
  }
}

function isSame(a: ListedJob, b: ListedJob): boolean {
  return a.planDigest === b.planDigest && JSON.stringify(a.live) === JSON.stringify(b.live);
}

function cut(text: string): string {
  return text.slice(0, 2048);
}
