// The copies in the memory of this pod: what it has is told to a world that forms, what its trainer
// makes is brought to the next rank, and what its trainer is to go on from is fetched where it is
// not here. They are files, so they outlive every trainer; with the pod they go.
import { mkdir, watch } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../crds/clock.ts';
import { TransientError, toAnnealError } from '../../../crds/failures/errors.ts';
import { copyModeOf } from '../../../crds/plan/copies.ts';
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

  /** What the trainer of this rank is told; undefined where no copies are wanted. */
  async begin({ round, world, assignment }: Beginning): Promise<CopiesPlan | undefined> {
    const { config, plan } = this.#parts;
    this.#ended.abort();
    this.#ended = new AbortController();
    if (copyModeOf(plan.spec) === 'None') return undefined;
    const { copiesFolder: folder } = config;
    await mkdir(join(folder, copyFiles.own), { recursive: true });
    await removeJoined(folder);
    const from = await this.#restorePoint(world, assignment);
    // All ranks must come to the same answer: they agree on each copy.
    const hasPeer = assignment.size > 1 && world.members.every(({ copyPort }) => copyPort !== 0);
    const peer = addressOf(world, world.order[(assignment.rank + 1) % assignment.size]);
    if (hasPeer && peer !== undefined) void this.#deliver(peer, round, this.#ended.signal);
    const { intervalSteps = null } = plan.spec.checkpoint.memory;
    return { folder, round, intervalSteps, hasPeer, ...(from === undefined ? {} : { from }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#server?.[Symbol.asyncDispose]();
  }

  /**
   * Folder of what this rank goes on from in memory; that it could not be had is for all ranks to
   * find out together.
   */
  async #restorePoint(
    world: WorldRecord,
    { rank, size }: RankAssignment,
  ): Promise<string | undefined> {
    const { config, report } = this.#parts;
    const { copiesFolder: folder } = config;
    const { restore } = world;
    if (restore === undefined) return undefined;
    const { holders, ...moment } = restore;
    const name: CopyName = { ...moment, rank };
    const isCutAlike = moment.size === size;
    try {
      if (!isCutAlike) return await this.#joined(world, restore);
      const here = await findCopy(folder, copyNameText(name));
      if (here !== undefined) return here;
      return await fetchCopy(addressIn(world, holders[rank]), name, folder, this.#ended.signal);
    } catch (error) {
      report.line('warn', 'supervisor', toAnnealError(error).message);
      const { own, joined } = copyFiles;
      return isCutAlike ? join(folder, own, copyNameText(name)) : join(folder, joined);
    }
  }

  /** The parts of a world of another size, all of them: each rank reads what is its own now. */
  async #joined(world: WorldRecord, { holders, ...moment }: Restore): Promise<string> {
    const { copiesFolder: folder } = this.#parts.config;
    const names = holders.map((_, rank): CopyName => ({ ...moment, rank }));
    const wanted = new Set(names.map(copyNameText));
    const joined = await beginJoined(folder, ({ name }) => wanted.has(copyNameText(name)));
    const parts: string[] = [];
    for (const [rank, name] of names.entries()) {
      const here = await findCopy(folder, copyNameText(name));
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
   * Brings each own copy of this round to the next rank, until the signal is aborted. Never
   * rejects.
   */
  async #deliver(address: CopyAddress, round: number, signal: AbortSignal): Promise<void> {
    const { config, clock, report } = this.#parts;
    const own = join(config.copiesFolder, copyFiles.own);
    let before = '';
    while (!signal.aborted) {
      const changes = watch(own, { signal });
      try {
        do {
          const [newest] = await listCopies(config.copiesFolder, 'own');
          if (newest?.name.round !== round) continue;
          const text = copyNameText(newest.name);
          if (text === before) continue;
          await putCopy(address, newest, signal);
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
