/**
 * One process at a time per cache entry: the others wait and then find the finished entry.
 *
 * The lock is a file that its holder touches. It is stale when the holder has ended, or has not
 * touched it for a minute (another machine on a shared home, a reused pid).
 */
import { link, mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Setup } from './setup.ts';

const touchEveryMs = 5_000;
const staleAfterMs = 60_000;
const pollMs = 200;

export async function exclusively<T>(
  setup: Setup,
  name: string,
  body: () => Promise<T>,
): Promise<T> {
  await mkdir(setup.cache.locks, { recursive: true });
  const path = join(setup.cache.locks, `${name}.lock`);
  await take(setup, path, name);
  const touch = setInterval(() => {
    const now = new Date();
    // A lock that vanished was taken for stale; the atomic rename of the result makes that safe.
    utimes(path, now, now).catch(() => undefined);
  }, touchEveryMs);
  touch.unref();
  try {
    return await body();
  } finally {
    clearInterval(touch);
    await rm(path, { force: true });
  }
}

async function take(setup: Setup, path: string, name: string): Promise<void> {
  for (let told = false; ; ) {
    if (await create(path)) return;
    const holder = await readHolder(path);
    if (holder === undefined) continue;
    if (holder.stale) {
      await breakLock(path, holder.text);
      continue;
    }
    if (!told) setup.steps.note(`${name}: process ${holder.pid} is building it; waiting`);
    told = true;
    await wait(pollMs, undefined, { signal: setup.signal });
  }
}

async function create(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'wx');
    await file.writeFile(`${process.pid} ${hostname()}\n`);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

interface Holder {
  readonly text: string;
  readonly pid: number;
  readonly stale: boolean;
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const [pid = '', host] = text.trim().split(' ');
    const ended = host === hostname() && !isAlive(Number(pid));
    // A file without a host was just created and is not written yet.
    const old = Date.now() - mtimeMs > staleAfterMs;
    return { text, pid: Number(pid), stale: old || (host !== undefined && ended) };
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Two processes may find it stale, and the slower one then moves the new lock of the faster one: it
 * is moved back.
 */
async function breakLock(path: string, stale: string): Promise<void> {
  const aside = `${path}.${process.pid}.stale`;
  try {
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== stale) await link(aside, path);
  } catch (error) {
    if (!isCode(error, 'ENOENT') && !isCode(error, 'EEXIST')) throw error;
  }
  await rm(aside, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM');
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
