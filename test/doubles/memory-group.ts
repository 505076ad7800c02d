// A control group for memory as a container has one: a limit that can be moved, and a view of
// /sys/fs/cgroup in which it is the root. What is started within is killed by the kernel when it
// takes more.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { eventually } from './eventually.ts';

const run = promisify(execFile);
const mounted = '/sys/fs/cgroup';
/** Both versions of control groups are met: `memory` is a hierarchy of its own in the first. */
const isFirst = existsSync(join(mounted, 'memory'));
const limitFile = isFirst ? 'memory.limit_in_bytes' : 'memory.max';
const swapFile = isFirst ? 'memory.swappiness' : 'memory.swap.max';
const useFile = isFirst ? 'memory.usage_in_bytes' : 'memory.current';
const killsFile = isFirst ? 'memory.oom_control' : 'memory.events';
let made = 0;

export interface MemoryGroup {
  /** Goes before the command that is to run within. */
  readonly prefix: readonly string[];
  limit(bytes: number): Promise<void>;
  /** Takes so many bytes, in no process that could be killed for them. */
  fill(bytes: number): Promise<void>;
  /** Bytes that the kernel cannot take back. */
  used(): number;
  /** Processes that were killed so far. */
  kills(): number;
}

/** Until the test ends; undefined, with the reason, where none can be made. */
export async function memoryGroup(
  t: ExecutionContext,
  bytes: number,
): Promise<MemoryGroup | undefined> {
  made += 1;
  const folder = join(mounted, isFirst ? 'memory' : '', `anneal-test-${process.pid}-${made}`);
  const view = await mkdtemp(join(tmpdir(), 'anneal-view-'));
  t.teardown(() => rm(view, { recursive: true, force: true }));
  const limit = (to: number) => writeFile(join(folder, limitFile), String(Math.floor(to)));
  const text = (file: string) => readFileSync(join(folder, file), 'utf8');
  const number = (file: string, line: RegExp) => Number(line.exec(text(file))?.[1] ?? 0);
  try {
    await mkdir(folder);
    // What was in it may be on its way out.
    const isGone = () =>
      rmdir(folder).then(
        () => true,
        () => false,
      );
    t.teardown(() => eventually('the group is empty', isGone));
    await limit(bytes);
    await writeFile(join(folder, swapFile), '0');
    // Seen by nobody but the shell: whether it may.
    await run('unshare', ['--mount', 'true']);
  } catch (error) {
    t.log(`not tested: no group with a limit can be made here: ${(error as Error).message}`);
    t.pass();
    return undefined;
  }
  return {
    prefix: ['unshare', '--mount', 'sh', '-c', enter, folder, view],
    limit,
    async fill(bytes) {
      // A file in memory counts for who wrote it, also when that has ended.
      const file = join('/dev/shm', basename(folder));
      t.teardown(() => rm(file, { force: true }));
      await run('sh', ['-c', take, folder, String(bytes), file]);
    },
    used() {
      const files = [/^active_file (\d+)$/m, /^inactive_file (\d+)$/m];
      const droppable = files.map((line) => number('memory.stat', line)).reduce((a, b) => a + b);
      return Number(text(useFile)) - droppable;
    },
    kills: () => number(killsFile, /^oom_kill (\d+)$/m),
  };
}

const take = 'echo $$ > $0/cgroup.procs; head -c $1 /dev/zero > $2';

/** $0 is the group, $1 an empty folder; what follows is the command. */
const enter = [
  ...['set -e', 'echo $$ > $0/cgroup.procs', 'view=$1', 'shift'],
  ...(isFirst
    ? ['mkdir -p $view/memory', 'mount --bind $0 $view/memory']
    : ['mount --bind $0 $view']),
  ...[`mount --rbind $view ${mounted}`, 'exec "$@"'],
].join('; ');
