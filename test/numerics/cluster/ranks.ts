// Starts the ranks of a toy training and hears what they have to say.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { freePort } from '../../../cli/client/free-port.ts';
import type { RankResult, RankTask } from '../../doubles/toy-rank.ts';

const program = join(import.meta.dirname, '../../doubles/toy-rank.ts');
const quiet = '--disable-warning=ExperimentalWarning';

type Asked = Omit<RankTask, 'plan'>;

/** What each rank found, by rank. */
export async function trainTogether(size: number, asked: Asked): Promise<readonly RankResult[]> {
  const store = { host: '127.0.0.1', port: await freePort() };
  const name = randomUUID();
  return Promise.all(
    Array.from({ length: size }, async (_, rank) => {
      const plan = { name, rank, size, store, address: '127.0.0.1', timeoutMs: 60_000 };
      const task: RankTask = { ...asked, plan };
      const child = spawn(process.execPath, [quiet, program, JSON.stringify(task)], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const [said, complained, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'exit'),
      ]);
      if (code !== 0) throw new Error(`rank ${rank} of ${size} ended with ${code}: ${complained}`);
      return JSON.parse(said) as RankResult;
    }),
  );
}
