// A program in a pseudo-terminal and what it costs: processor and memory as the kernel counts them,
// pictures as they come out.
import { readFile } from 'node:fs/promises';
import { Terminal } from '../../terminal/terminal.ts';
import type { Stage } from './stage.ts';

const ticksPerSecond = 100;

export class Shown implements Disposable {
  readonly #terminal: Terminal;
  readonly #began = performance.now();

  constructor(file: string, args: readonly string[], { env }: Pick<Stage, 'env'>) {
    this.#terminal = new Terminal(file, args, { columns: 120, rows: 40, env });
  }

  /** Milliseconds since it was started. */
  async until(pattern: RegExp): Promise<number> {
    await this.#terminal.shows(pattern);
    return performance.now() - this.#began;
  }

  type(keys: string): void {
    this.#terminal.type(keys);
  }

  /** Seconds of processor so far. */
  async cpuSeconds(): Promise<number> {
    const text = await readFile(`/proc/${this.#terminal.pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }

  /** Share of one core while it lasts, and the pictures that came meanwhile. */
  async while(during: () => Promise<unknown>): Promise<Spent> {
    const before = await this.cpuSeconds();
    const began = performance.now();
    await during();
    const ended = performance.now();
    const cpu = (await this.cpuSeconds()) - before;
    const seconds = (ended - began) / 1000;
    const at = this.#terminal.pictures.filter((time) => began <= time && time <= ended);
    const gaps = at.slice(1).map((time, index) => time - (at[index] ?? time));
    return {
      percent: (100 * cpu) / seconds,
      picturesPerSecond: at.length / seconds,
      longestGapMs: Math.max(0, ...gaps),
    };
  }

  async residentMiB(): Promise<number> {
    const text = await readFile(`/proc/${this.#terminal.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024;
  }

  ended(): Promise<number> {
    return this.#terminal.ended();
  }

  [Symbol.dispose](): void {
    this.#terminal[Symbol.dispose]();
  }
}

export interface Spent {
  readonly percent: number;
  readonly picturesPerSecond: number;
  readonly longestGapMs: number;
}
