// The copies in the memory of this pod: what it has is told to a world that forms, what its
// trainers make is brought to the next pod, and what they are to go on from is fetched where it is
// not here. They are files, so they outlive every trainer; with the pod they go. Of several
// trainers each has a folder of its own.

import { mkdir, watch } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../crds/clock.ts';
import { TransientError, toAnnealError } from '../../../crds/failures/errors.ts';
import { copyModeOf } from '../../../crds/plan/copies.ts';
import { trainersOfPod } from '../../../crds/plan/world.ts';
import {
  type CopiesPlan,
  type CopyName,
  copyFiles,
  copyNameText,
} from '../../../crds/wire/copies.ts';
import type { WorldRecord } from '../../../crds/wire/state.ts';
import { allCopies, findCopy, listCopies, setDelivered } from '../../checkpoint/copy-folder.ts';
import { beginJoined, joinParts, removeJoined } from '../../checkpoint/joined-copy.ts';
import type { PodConfig } from '../config.ts';
import type { PodPlan } from '../pod-plan.ts';
import type { RankAssignment } from '../rank-assignment.ts';
import type { Report } from '../report.ts';
import { type CopyAddress, fetchCopy, fetchFiles, putCopy } from './copy-client.ts';
import { CopyServer } from './copy-server.ts';

interface CopyParts {
  readonly config: Pick<PodConfig, 'pod' | 'copiesFolder' | 'copiesPort'>;
  readonly plan: Pick<PodPlan, 'spec'>;
  readonly clock: Clock;
  readonly report: Pick<Report, 'line'>;
}

interface Beginning {
  readonly round: number;
  readonly world: WorldRecord;
  readonly assignment: RankAssignment;
}

type Restore = NonNullable<WorldRecord['restore']>;

interface OwnCopies {
  readonly place: number;
  readonly folder: string;
  readonly round: number;
}

const againMs = 1_000;

export class PodCopies implements AsyncDisposable {
  readonly #parts: CopyParts;
  readonly #server: CopyServer | undefined;
  /** By the places of the trainers. */
  readonly #folders: readonly string[];
  readonly #deliveredSteps = new Map<number, number>();
  #ended = new AbortController();

  static async open(parts: CopyParts): Promise<PodCopies> {
    const { config, plan } = parts;
    if (copyModeOf(plan.spec) !== 'LocalAndPeer') return new PodCopies(parts, undefined);
    const { pod, copiesPort: port } = config;
    const folders = foldersOf(parts);
    const server = await CopyServer.listen({ host: pod.ip, port, podUID: pod.uid, folders });
    return new PodCopies(parts, server);
  }

  private constructor(parts: CopyParts, server: CopyServer | undefined) {
    this.#parts = parts;
    this.#folders = foldersOf(parts);
    this.#server = server;
  }

  /** Where others reach this pod's copies; 0 where they cannot. */
  get port(): number {
    return this.#server?.port ?? 0;
  }

  /** Step of the newest copy of which the next pod has the parts of all trainers too. */
  get deliveredStep(): number | undefined {
    const steps = [...this.#deliveredSteps.values()];
    return steps.length < this.#folders.length ? undefined : Math.min(...steps);
  }

  async names(): Promise<readonly string[]> {
    const all = (await Promise.all(this.#folders.map(allCopies))).flat();
    return all.map(({ name }) => copyNameText(name));
  }

  /** What each trainer of this pod is told; undefined where no copies are wanted. */
  async begin({ round, world, assignment }: Beginning): Promise<readonly CopiesPlan[] | undefined> {
    const { config, plan } = this.#parts;
    this.#ended.abort();
    this.#ended = new AbortController();
    if (copyModeOf(plan.spec) === 'None') return undefined;
    for (const folder of this.#folders) {
      await mkdir(join(folder, copyFiles.own), { recursive: true });
    }
    await removeJoined(config.copiesFolder);
    const from = await this.#restorePoints(world, assignment);
    // All ranks must come to the same answer: they agree on each copy.
    const hasPeer = assignment.pods > 1 && world.members.every(({ copyPort }) => copyPort !== 0);
    const next = (world.order.indexOf(config.pod.index) + 1) % assignment.pods;
    const peer = addressOf(world, world.order[next]);
    const { intervalSteps = null } = plan.spec.checkpoint.memory;
    return this.#folders.map((folder, place) => {
      if (hasPeer && peer !== undefined) {
        void this.#deliver(peer, { place, folder, round }, this.#ended.signal);
      }
      const own = from?.[place];
      return { folder, round, intervalSteps, hasPeer, ...(own === undefined ? {} : { from: own }) };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#server?.[Symbol.asyncDispose]();
  }

  /**
   * Folders of what the trainers go on from in memory, by their places; that one could not be had
   * is for all ranks to find out together.
   */
  async #restorePoints(
    world: WorldRecord,
    { rank: first, size }: RankAssignment,
  ): Promise<readonly string[] | undefined> {
    const { restore } = world;
    if (restore === undefined) return undefined;
    if (restore.size !== size) {
      const joined = await this.#joined(world, restore).catch((error: unknown) =>
        this.#lacks(error),
      );
      const from = joined ?? join(this.#parts.config.copiesFolder, copyFiles.joined);
      return this.#folders.map(() => from);
    }
    const { holders, ...moment } = restore;
    const points: string[] = [];
    for (const [place, folder] of this.#folders.entries()) {
      const name: CopyName = { ...moment, rank: first + place };
      const found = await this.#ownPart(world, holders, name, folder).catch((error: unknown) =>
        this.#lacks(error),
      );
      points.push(found ?? join(folder, copyFiles.own, copyNameText(name)));
    }
    return points;
  }

  #lacks(error: unknown): undefined {
    this.#parts.report.line('warn', 'supervisor', toAnnealError(error).message);
  }

  /** Fetched into `folder` where it is not here. */
  async #ownPart(
    world: WorldRecord,
    holders: Restore['holders'],
    name: CopyName,
    folder: string,
  ): Promise<string> {
    const here = await findCopy(this.#folders, copyNameText(name));
    if (here !== undefined) return here;
    return fetchCopy(addressIn(world, holders[name.rank]), name, folder, this.#ended.signal);
  }

  /**
   * The parts of a world of another size, all of them, once for the pod: each rank reads its own.
   */
  async #joined(world: WorldRecord, { holders, ...moment }: Restore): Promise<string> {
    const { copiesFolder: folder } = this.#parts.config;
    const names = holders.map((_, rank): CopyName => ({ ...moment, rank }));
    const wanted = new Set(names.map(copyNameText));
    const joined = await beginJoined(folder, this.#folders, ({ name }) =>
      wanted.has(copyNameText(name)),
    );
    const parts: string[] = [];
    for (const [rank, name] of names.entries()) {
      const here = await findCopy(this.#folders, copyNameText(name));
      const part = here ?? join(joined, copyNameText(name));
      if (here === undefined) {
        await mkdir(part);
        await fetchFiles(addressIn(world, holders[rank]), name, part, this.#ended.signal);
      }
      parts.push(part);
    }
    await joinParts(joined, parts);
    return joined;
  }

  /**
   * Brings each own copy of a trainer in this round to the next pod, until the signal is aborted.
   * Never rejects.
   */
  async #deliver(
    address: CopyAddress,
    { place, folder, round }: OwnCopies,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, report } = this.#parts;
    const own = join(folder, copyFiles.own);
    let before = '';
    while (!signal.aborted) {
      const changes = watch(own, { signal });
      try {
        do {
          const [newest] = await listCopies(folder, 'own');
          if (newest?.name.round !== round) continue;
          const text = copyNameText(newest.name);
          if (text === before) continue;
          await putCopy(address, newest, signal);
          await setDelivered(folder, text);
          this.#deliveredSteps.set(place, newest.name.step);
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

function foldersOf({ config: { copiesFolder }, plan }: CopyParts): readonly string[] {
  const count = trainersOfPod(plan.spec.worker.devicesPerWorker);
  if (count === 1) return [copiesFolder];
  return Array.from({ length: count }, (_, place) => join(copiesFolder, String(place)));
}

/** Of a member that has what is asked for. */
function addressIn(world: WorldRecord, index: number | undefined): CopyAddress {
  const address = addressOf(world, index);
  if (address !== undefined) return address;
  const message = `the copies of pod ${index} cannot be reached`;
  throw new TransientError({ code: 'E_PEER_LOST', message });
}

/** Undefined for a pod that serves none. */
function addressOf(world: WorldRecord, index: number | undefined): CopyAddress | undefined {
  const member = world.members.find((each) => each.index === index);
  if (member === undefined || member.copyPort === 0) return undefined;
  return { host: member.podIP, port: member.copyPort, podUID: member.podUID };
}
