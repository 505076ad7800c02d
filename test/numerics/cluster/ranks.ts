// Ranks of toy trainings, which are told what to train and say what they found. A process of a rank
// serves one training after another: it takes longer to start than most of them.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { freePort } from '../../../cli/client/free-port.ts';
import type { RankResult, RankTask } from '../../doubles/toy-rank.ts';

const program = join(import.meta.dirname, '../../doubles/toy-rank.ts');
const quiet = '--disable-warning=ExperimentalWarning';

type Asked = Omit<RankTask, 'plan'>;

export class Ranks implements Disposable {
  readonly #all: RankProcess[] = [];

  /** What each of `size` ranks found, by rank. One training at a time. */
  async trainTogether(size: number, asked: Asked): Promise<readonly RankResult[]> {
    while (this.#all.length < size) this.#all.push(new RankProcess());
    const store = { host: '127.0.0.1', port: await freePort() };
    const plan = { name: randomUUID(), size, store, address: '127.0.0.1', timeoutMs: 60_000 };
    const own = this.#all.slice(0, size);
    try {
      return await Promise.all(
        own.map((each, rank) => each.perform({ ...asked, plan: { ...plan, rank } })),
      );
    } catch (error) {
      // The others wait for one that has ended.
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const each of this.#all.splice(0)) each.kill();
  }
}

class RankProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<number | string | null>;
  #complained = '';

  constructor() {
    this.#child = spawn(process.execPath, [quiet, program], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complained += text;
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve(code ?? signal));
    });
    // Whoever has died reads nothing.
    this.#child.stdin.on('error', () => {});
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async perform(task: RankTask): Promise<RankResult> {
    this.#child.stdin.write(`${JSON.stringify(task)}\n`);
    const { value, done } = await this.#answers.next();
    if (done !== true) return JSON.parse(value) as RankResult;
    const { rank, size } = task.plan;
    const how = await this.#ended;
    throw new Error(`rank ${rank} of ${size} ended with ${how}: ${this.#complained}`);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
