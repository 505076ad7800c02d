// Clients of federations elsewhere: `<cache>/federation-peers/<name>`. One folder for all that a
// client ever takes part in, since what its records have spent lies there.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as z from 'zod';
import type { FederationPeerSpec } from '../../crds/api/federation-peer.ts';
import { federationFiles, type RoundSpec } from '../../crds/wire/federation.ts';
import type { Stored } from '../client/numbered-store.ts';
import { lockRun } from '../client/run-lock.ts';
import { readWhole, writeJson } from '../client/whole-json.ts';
import { objectFile, objectsOf } from './object-files.ts';

export interface PeerRecord {
  /** Among the clients. */
  readonly name: string;
  readonly namespace: string;
  readonly cache: string;
  readonly spec: FederationPeerSpec;
}

export type StoredPeer = Stored<PeerRecord>;

interface ChosenPeer extends Disposable {
  readonly stored: StoredPeer;
  readonly continued: boolean;
}

const runFile = 'run.json';
const runRecord = z.object({ run: z.string() });

export async function choosePeer(record: PeerRecord): Promise<ChosenPeer> {
  const folder = join(record.cache, 'federation-peers', record.name);
  await mkdir(folder, { recursive: true });
  const stored = { folder, number: 1, record };
  const lock = lockRun(stored);
  const continued = (await readWhole(folder, runFile, runRecord)) !== null;
  return { stored, continued, [Symbol.dispose]: () => lock[Symbol.dispose]() };
}

/**
 * What belongs to another round or an earlier start of the federation goes, but for objects that
 * this round begins with; the account of privacy stays.
 */
export async function enterRound(
  { folder, record }: StoredPeer,
  run: string,
  { round, begins }: RoundSpec,
): Promise<void> {
  const isSameRun = (await readWhole(folder, runFile, runRecord))?.run === run;
  const kept = [federationFiles.account, ...(isSameRun ? [`round-${round}`] : [])];
  await removeOthers(join(folder, federationFiles.clients, record.name), kept);
  if (!isSameRun) await removeOthers(join(folder, federationFiles.records), []);
  const objects = objectsOf(begins).map(({ digest }) => basename(objectFile('', digest)));
  await removeOthers(join(folder, federationFiles.objects), objects);
  await writeJson(folder, runFile, { run });
}

async function removeOthers(folder: string, kept: readonly string[]): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!kept.includes(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
