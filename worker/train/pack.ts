// Several runs that train in one process. Their base is loaded once; each has an adapter, an
// optimizer, a schedule, checkpoints and failures of its own. A step is computed without a pause,
// and the runs take turns between steps, so that each ends with the bits of training alone, and
// activations exist of one run at a time. Runs come and go while others train; with the last one
// the base goes, and the next one may have another.
import { join } from 'node:path';
import { UserError } from '../../crds/failures/errors.ts';
import { resolveMethod } from '../../crds/methods/resolve.ts';
import { whyNotPacked } from '../../crds/plan/packing.ts';
import type { PackedMessage } from '../../crds/wire/packed.ts';
import {
  type PreparedRecord,
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
} from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { openModel } from '../decoder/model-files.ts';
import { SharedBase } from '../engine/shared-base.ts';
import { readOptionsOf } from '../families/read-options.ts';
import { perform } from '../perform.ts';
import type { Role, RoleContext } from '../role.ts';
import { requireRecord } from '../run-folder.ts';
import { emitter, type Parent } from '../telemetry/emit.ts';
import { PackedRuns } from './packed-runs.ts';
import { trainRole } from './role.ts';

interface PackFacts extends Pick<RoleContext, 'config' | 'clock'> {
  /** Runs that are expected at one time. */
  readonly expected: number;
  /** Whether a run waits until its memory is there; otherwise all begin at once. */
  readonly waits: boolean;
  /** All are asked to save and stop. */
  readonly stop: AbortSignal;
  readonly say: (message: PackedMessage) => void;
  readonly onStderr: (stack: string) => void;
}

/** The base as it is now, and what its products are rounded to where that is of the process. */
interface OpenBase {
  readonly packed: PackedRuns;
  readonly rounds: boolean;
}

export class Pack {
  readonly #facts: PackFacts;
  readonly #stops = new Map<number, AbortController>();
  #users = 0;
  #opening: Promise<OpenBase> | undefined;
  #base: SharedBase | undefined;

  constructor(facts: PackFacts) {
    this.#facts = facts;
  }

  /** Tensors of the base that were loaded so far; 0 while there is none. */
  get loaded(): number {
    return this.#base?.count ?? 0;
  }

  /** Trains the run of this folder, which is prepared, to its end, and says how it ended. */
  async train(folder: string, run: number): Promise<void> {
    const { config, clock, stop, say, onStderr } = this.#facts;
    const own = new AbortController();
    this.#stops.set(run, own);
    this.#users++;
    const base = this.#nextBase(folder);
    const opened = base.catch(() => undefined);
    const parent: Parent = {
      connected: true,
      send(message: Telemetry) {
        say({ run, message });
        return true;
      },
    };
    let exitCode: number;
    {
      using messages = emitter(join(folder, runFiles.telemetry), parent, clock);
      const emit: RoleContext['emit'] = (message) => messages.emit(message);
      const context = { config, clock, folder, emit, stop: AbortSignal.any([stop, own.signal]) };
      const role: Role = async (alone) => {
        using packed = (await this.#baseOf(folder, base)).enter();
        await trainRole({ ...alone, packed });
      };
      exitCode = await perform(async () => role, context, onStderr);
    }
    // A run that ended before it asked for its base does not leave it open.
    await opened;
    this.#leave(run, own);
    say({ run, exitCode });
  }

  /** It saves and ends; the others train on. */
  detach(run: number): void {
    this.#stops.get(run)?.abort();
  }

  #leave(run: number, own: AbortController): void {
    if (this.#stops.get(run) === own) this.#stops.delete(run);
    this.#users--;
    if (this.#users > 0) return;
    this.#base?.[Symbol.dispose]();
    this.#base = undefined;
    this.#opening = undefined;
  }

  async #baseOf(folder: string, base: Promise<OpenBase>): Promise<PackedRuns> {
    const { packed, rounds } = await base;
    const prepared = await requireRecord(folder, runFiles.prepared, preparedRecord);
    const run = await requireRecord(folder, runFiles.run, runRecord);
    requireAlike(prepared, packed.base);
    requireFrozen(run);
    if (rounds !== roundsProducts(run)) {
      throw new UserError({
        code: 'E_USAGE',
        message: `spec.method.precision.float32.products of ${run.name} is not that of the other runs; it is set for the whole process on ${run.device}`,
        hint: 'run it by itself, or set it alike',
      });
    }
    return packed;
  }

  /** That of the runs which came before, in the order of coming; otherwise this one's own. */
  #nextBase(folder: string): Promise<OpenBase> {
    const before = this.#opening;
    const own = (): Promise<OpenBase> => this.#open(folder);
    // A run before whose base could not be opened tells it; the next one tries its own.
    this.#opening = before === undefined ? own() : before.catch(own);
    return this.#opening;
  }

  async #open(folder: string): Promise<OpenBase> {
    const { expected, waits } = this.#facts;
    const { model } = await requireRecord(folder, runFiles.prepared, preparedRecord);
    const run = await requireRecord(folder, runFiles.run, runRecord);
    this.#base = new SharedBase(openModel(model.path, readOptionsOf(run.spec)), model.digest);
    return {
      packed: new PackedRuns(this.#base, expected, waits),
      rounds: roundsProducts(run),
    };
  }
}

/** Trains the runs of these folders, which are there from the beginning, to their ends. */
export async function trainPacked(
  folders: readonly string[],
  facts: Omit<PackFacts, 'expected' | 'waits'>,
): Promise<void> {
  const pack = new Pack({ ...facts, expected: folders.length, waits: false });
  await Promise.all(folders.map((folder, run) => pack.train(folder, run)));
}

function requireAlike({ model }: PreparedRecord, { digest }: SharedBase): void {
  if (model.digest === digest) return;
  throw new UserError({
    code: 'E_USAGE',
    message: `${model.name} is not the base that the other runs train on; runs that train together have one base`,
    hint: 'run it by itself',
  });
}

function requireFrozen({ name, spec }: RunRecord): void {
  const why = whyNotPacked(resolveMethod(spec.method));
  if (why === undefined) return;
  throw new UserError({
    code: 'E_USAGE',
    message: `the method of ${name} ${why}; runs that train together share a frozen base`,
    hint: 'run it by itself',
  });
}

/** Whether products on the device are TF32: a setting of the process. */
function roundsProducts({ device, spec }: RunRecord): boolean {
  const { precision } = resolveMethod(spec.method);
  return device !== 'cpu' && precision.type === 'Float32' && precision.float32.products === 'TF32';
}
