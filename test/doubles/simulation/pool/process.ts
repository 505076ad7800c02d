// The process in the pod of a pool: the product's own list of jobs, over runs that count steps,
// save now and then, wait for memory and for the lock of their folder, and diverge when told to.
import { Exit } from '../../../../crds/failures/table.ts';
import type { PoolOrder } from '../../../../crds/wire/packed.ts';
import type { ListedJob, PoolAnswer, PoolList } from '../../../../crds/wire/pool.ts';
import { type Begun, PoolJobs } from '../../../../worker/pool/pool-jobs.ts';
import { aPlan, aStep } from '../../../builders/trainer-messages.ts';
import { check } from '../invariants.ts';
import { diverged, type Folder, type Folders } from './folders.ts';

interface Run {
  readonly number: number;
  readonly uid: string;
  readonly folder: Folder;
  step: number;
  begun: boolean;
  stops: boolean;
}

interface ProcessFacts {
  readonly folders: Folders;
  /** As its pod was told. */
  readonly most: number;
  /** Of runs whose memory it has. */
  readonly fits: number;
  /** Of a run, one a second. */
  readonly steps: number;
}

const saveEvery = 3;
const plan = aPlan();
/** From SIGTERM to the end of the process, in which its runs save. */
const graceSeconds = 6;

export class PoolProcess {
  /** As the container's. */
  exit: number | undefined;
  readonly #facts: ProcessFacts;
  readonly #jobs: PoolJobs;
  readonly #runs = new Map<number, Run>();
  #left: number | undefined;
  #leaving: PoolList['leaving'] = [];

  constructor(facts: ProcessFacts) {
    this.#facts = facts;
    this.#jobs = new PoolJobs({
      most: facts.most,
      say: (order) => this.#hears(order),
      begin: async (job) => this.#begin(job),
      endOf: async () => 'Finished',
      tell: () => undefined,
    });
  }

  get told(): Omit<PoolAnswer, 'v'> {
    return { jobs: [...this.#jobs.told], leaving: this.#leaving };
  }

  /** UIDs of jobs whose runs it has. */
  get runs(): readonly string[] {
    return this.exit === undefined ? [...this.#runs.values()].map(({ uid }) => uid) : [];
  }

  /** SIGTERM. */
  terminate(): void {
    this.#left ??= graceSeconds;
    for (const run of this.#runs.values()) run.stops = true;
  }

  /** It ends at once, and saves nothing. */
  end(exit: number): void {
    if (this.exit !== undefined) return;
    this.exit = exit;
    for (const run of this.#runs.values()) leave(run);
  }

  /** A second of its life, with the list as kubelet has it: it may be late. */
  async live(list: string): Promise<void> {
    if (this.exit !== undefined) return;
    if (this.#left === undefined) {
      // UIDs of this API server are shorter than the schema has them.
      const { jobs, leaving } = JSON.parse(list) as PoolList;
      await this.#jobs.follow(jobs);
      this.#leaving = leaving;
      check(this.#runs.size <= this.#facts.most, `${this.#runs.size} runs are in the process`);
    }
    // The last save takes as long as there is time for.
    const isSaving = this.#left !== undefined && this.#left > 1;
    for (const run of this.#runs.values()) if (!isSaving) await this.#advance(run);
    if (this.#left !== undefined && this.#left-- === 0) this.end(Exit.PlannedStop);
  }

  #hears(order: PoolOrder): void {
    if (order === 'stop') return;
    if ('attach' in order) {
      const uid = order.attach;
      const folder = this.#facts.folders.of(uid);
      const run = { number: order.run, uid, folder, step: 0, begun: false, stops: false };
      check(!this.#runs.has(order.run), `run ${order.run} is attached twice`);
      this.#runs.set(order.run, run);
    } else {
      const run = this.#runs.get(order.detach);
      if (run !== undefined) run.stops = true;
    }
  }

  #begin({ uid }: ListedJob): Begun {
    const { isTrained, isPrepared } = this.#facts.folders.of(uid);
    if (isTrained) return { type: 'Trained', reason: 'Finished' };
    if (!isPrepared) return { type: 'Failed', code: 'E_NOT_PREPARED', message: 'nothing is there' };
    return { type: 'Ready', folder: uid };
  }

  async #advance(run: Run): Promise<void> {
    const { folder } = run;
    if (run.stops) {
      if (run.begun) folder.saved = run.step;
      return await this.#ends(run, Exit.PlannedStop);
    }
    if (!run.begun && !(await this.#begins(run))) return;
    if (folder.diverges) {
      folder.diverges = false;
      folder.hasDiverged = true;
      const words = { reason: 'Diverged', message: 'the loss is not a number' } as const;
      const message = { type: 'failure', code: 'E_DIVERGED', time: 0, ...words } as const;
      await this.#jobs.hear({ run: run.number, message });
      return await this.#ends(run, diverged);
    }
    run.step += 1;
    await this.#jobs.hear({ run: run.number, message: aStep(run.step) });
    if (run.step % saveEvery === 0) folder.saved = run.step;
    if (run.step < this.#facts.steps) return;
    folder.isTrained = true;
    await this.#ends(run, Exit.Done);
  }

  /** Once the folder is its own and its memory is there. */
  async #begins(run: Run): Promise<boolean> {
    const { folder, number } = run;
    const { fits } = this.#facts;
    if (folder.holder !== undefined && folder.holder !== run) return false;
    check(!folder.isTrained, `the folder of ${run.uid} is trained, and trains again`);
    folder.holder = run;
    const training = [...this.#runs.values()].filter(({ begun }) => begun).length;
    if (training >= fits) {
      const words = { reason: 'NoPoolCapacity', message: 'the memory is not there' } as const;
      await this.#jobs.hear({ run: number, message: { type: 'warning', time: 0, ...words } });
      return false;
    }
    run.step = folder.saved;
    run.begun = true;
    await this.#jobs.hear({ run: number, message: plan });
    return true;
  }

  async #ends(run: Run, exitCode: number): Promise<void> {
    leave(run);
    this.#runs.delete(run.number);
    await this.#jobs.hear({ run: run.number, exitCode });
  }
}

function leave(run: Run): void {
  if (run.folder.holder === run) run.folder.holder = undefined;
}
