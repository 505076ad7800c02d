// The copies in the memory of this pod: what it has is told to a world that forms, what its trainer makes is brought to the next rank, and
// what its trainer is to go on from is fetched where it is not here. They are files, so they outlive every trainer; with the pod they go.
import { mkdir, watch } from 'node:fs/promises';
import { join } from 'node:path';
import { copyModeOf } from '../../../crds/plan/copies.ts';
import {
  type CopiesPlan,
  type CopyName,
  copyFiles,
  copyNameText,
} from '../../../crds/wire/copies.ts';
import type { WorldRecord } from '../../../crds/wire/state.ts';
import { allCopies, findCopy, listCopies, setDelivered } from '../../checkpoint/copy-folder.ts';
import type { Clock } from '../../clock.ts';
import type { PodConfig } from '../config.ts';
import type { PodPlan } from '../pod-plan.ts';
import type { Report } from '../report.ts';
import type { Seat } from '../seat.ts';
import { type CopyPlace, fetchCopy, putCopy } from './copy-client.ts';
import { CopyServer } from './copy-server.ts';

interface CopyParts {
  readonly config: Pick<PodConfig, 'pod' | 'copiesFolder' | 'copiesPort'>;
  readonly plan: Pick<PodPlan, 'spec'>;
  readonly clock: Clock;
  readonly report: Pick<Report, 'line'>;
}

interface Beginning {
  readonly generation: number;
  readonly world: WorldRecord;
  readonly seat: Seat;
}

const againMs = 1_000;

export class PodCopies implements AsyncDisposable {
  readonly #parts: CopyParts;
  readonly #server: CopyServer | undefined;
  #ended = new AbortController();
  #deliveredStep: number | undefined;

  static async open(parts: CopyParts): Promise<PodCopies> {
    const { config, plan } = parts;
    if (copyModeOf(plan.spec) !== 'LocalAndPeer') return new PodCopies(parts, undefined);
    const { pod, copiesFolder: folder, copiesPort: port } = config;
    const server = await CopyServer.listen({ host: pod.ip, port, podUID: pod.uid, folder });
    return new PodCopies(parts, server);
  }

  private constructor(parts: CopyParts, server: CopyServer | undefined) {
    this.#parts = parts;
    this.#server = server;
  }

  /** Where others reach this pod's copies; 0 where they cannot. */
  get port(): number {
    return this.#server?.port ?? 0;
  }

  /** Step of the newest copy that the next rank has too. */
  get deliveredStep(): number | undefined {
    return this.#deliveredStep;
  }

  async names(): Promise<readonly string[]> {
    const all = await allCopies(this.#parts.config.copiesFolder);
    return all.map(({ name }) => copyNameText(name));
  }

  /** What the trainer of this seat is told; undefined where no copies are wanted. */
  async begin({ generation, world, seat }: Beginning): Promise<CopiesPlan | undefined> {
    const { config, plan } = this.#parts;
    this.#ended.abort();
    this.#ended = new AbortController();
    if (copyModeOf(plan.spec) === 'None') return undefined;
    const { copiesFolder: folder } = config;
    await mkdir(join(folder, copyFiles.own), { recursive: true });
    const from = await this.#restorePoint(world, seat);
    // All ranks must come to the same answer: they agree on each copy.
    const hasPeer = seat.size > 1 && world.members.every(({ copyPort }) => copyPort !== 0);
    const peer = placeOf(world, world.order[(seat.rank + 1) % seat.size]);
    if (hasPeer && peer !== undefined) void this.#deliver(peer, generation, this.#ended.signal);
    const { intervalSteps = null } = plan.spec.checkpoint.memory;
    return { folder, generation, intervalSteps, hasPeer, ...(from === undefined ? {} : { from }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#server?.[Symbol.asyncDispose]();
  }

  /** Folder of this rank's part of what the world goes on from; that it could not be had is for all ranks to find out together. */
  async #restorePoint(world: WorldRecord, { rank }: Seat): Promise<string | undefined> {
    const { config, report } = this.#parts;
    const { restore } = world;
    if (restore === undefined) return undefined;
    const { holders, ...moment } = restore;
    const name: CopyName = { ...moment, rank };
    const text = copyNameText(name);
    const here = await findCopy(config.copiesFolder, text);
    if (here !== undefined) return here;
    const place = placeOf(world, holders[rank]);
    const fetched =
      place === undefined
        ? undefined
        : await fetchCopy(place, name, config.copiesFolder, this.#ended.signal).catch((error) =>
            report.line('warn', 'supervisor', String(error.message)),
          );
    return fetched ?? join(config.copiesFolder, copyFiles.own, text);
  }

  /** Brings each own copy of this generation to the next rank, until the signal is aborted. Never rejects. */
  async #deliver(place: CopyPlace, generation: number, signal: AbortSignal): Promise<void> {
    const { config, clock, report } = this.#parts;
    const own = join(config.copiesFolder, copyFiles.own);
    let before = '';
    while (!signal.aborted) {
      const changes = watch(own, { signal });
      try {
        do {
          const [newest] = await listCopies(config.copiesFolder, 'own');
          if (newest?.name.generation !== generation) continue;
          const text = copyNameText(newest.name);
          if (text === before) continue;
          await putCopy(place, newest, signal);
          await setDelivered(config.copiesFolder, text);
          this.#deliveredStep = newest.name.step;
          before = text;
        } while (!(await changes.next()).done);
      } catch (error) {
        if (signal.aborted) return;
        report.line('debug', 'supervisor', String(error));
        await clock.sleep(againMs, signal).catch(() => {});
      } finally {
        await changes.return?.().catch(() => {});
      }
    }
  }
}

/** Undefined for a pod that serves none. */
function placeOf(world: WorldRecord, index: number | undefined): CopyPlace | undefined {
  const member = world.members.find((each) => each.index === index);
  if (member === undefined || member.copyPort === 0) return undefined;
  return { host: member.podIP, port: member.copyPort, podUID: member.podUID };
}
