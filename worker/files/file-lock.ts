// A lock on a file that also works between pods on one volume, where no lock of the operating
// system reaches. It is a file made with O_EXCL that its owner touches. A process that sees it
// untouched for a minute of its own clock takes it over (clocks of two machines are never
// compared); on the owner's host, it does so only once the owner is dead. One hard link, which only
// one contender can make, decides who takes over.
import { randomUUID } from 'node:crypto';
import { link, open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';
import type { Clock } from '../../crds/clock.ts';
import { jsonLimits } from '../../crds/text/json.ts';
import { readJsonFile } from './bounded-file.ts';
import { isErrno } from './errno.ts';

const touchMs = 10_000;
const staleMs = 60_000;
const pollMs = 250;

const ownerRecord = z.object({
  id: z.string(),
  host: z.string(),
  pid: z.int(),
  started: z.string(),
});
type Owner = z.output<typeof ownerRecord>;

interface FileLock extends AsyncDisposable {
  readonly path: string;
}

/** Waits until this process has the lock; `onWait` is called once if another process has it. */
export async function lockFile(
  path: string,
  clock: Clock,
  signal: AbortSignal,
  onWait?: () => void,
): Promise<FileLock> {
  const me = {
    id: randomUUID(),
    host: hostname(),
    pid: process.pid,
    started: await startOf(process.pid),
  };
  let seen: { readonly mtimeMs: number; readonly since: number } | undefined;
  while (!(await claim(path, me))) {
    const mtimeMs = await touchedAt(path);
    if (mtimeMs === undefined) continue;
    if (!seen) onWait?.();
    if (seen?.mtimeMs !== mtimeMs) seen = { mtimeMs, since: clock.monotonic() };
    if (!(await takeOver(path, clock.monotonic() - seen.since))) await clock.sleep(pollMs, signal);
  }
  const released = new AbortController();
  keepTouched(path, clock, released.signal).catch(() => undefined);
  return {
    path,
    async [Symbol.asyncDispose]() {
      released.abort();
      if ((await readOwner(path))?.id === me.id) await rm(path, { force: true });
    },
  };
}

async function claim(path: string, me: Owner): Promise<boolean> {
  try {
    await using file = await open(path, 'wx');
    await file.writeFile(JSON.stringify(me));
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** True when the lock was removed and can be claimed at once. */
async function takeOver(path: string, silentMs: number): Promise<boolean> {
  const owner = await readOwner(path);
  const isHere = owner?.host === hostname();
  const lives = isHere && (await startOf(owner.pid)) === owner.started;
  // A live owner may be stopped or busy for longer than a minute; nobody else may write meanwhile.
  if (lives || (!isHere && silentMs < staleMs)) return false;
  const tomb = `${path}.${owner?.id ?? 'unreadable'}.stale`;
  try {
    await link(path, tomb);
  } catch (error) {
    // Another contender is taking over, or the lock is gone. The link of a contender that died here
    // is removed after a minute.
    if (isErrno(error, 'EEXIST') && silentMs > 2 * staleMs) await rm(tomb, { force: true });
    return false;
  }
  // If the lock changed hands between reading and linking, it stays.
  const same = (await readOwner(tomb))?.id === owner?.id;
  if (same) await rm(path, { force: true });
  await rm(tomb, { force: true });
  return same;
}

async function keepTouched(path: string, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(touchMs, signal);
    const now = clock.now() / 1000;
    await utimes(path, now, now);
  }
}

async function touchedAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    return ownerRecord.parse(await readJsonFile(path, jsonLimits.runRecord));
  } catch {
    // Gone, or its owner died between creating and writing it: its age decides then.
    return undefined;
  }
}

/**
 * Distinguishes a process from a later one with the same id: its start time in ticks since boot,
 * where /proc has it.
 */
async function startOf(pid: number): Promise<string> {
  try {
    const line = await readFile(`/proc/${pid}/stat`, 'utf8');
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return isRunning(pid) ? 'running' : '';
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}
