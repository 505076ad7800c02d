// `anneal logs`: the log of a job's workers. Existing lines are sorted and folded; new lines are
// held for a moment, so that a line that several workers write at once is also folded.
import { setTimeout as wait } from 'node:timers/promises';
import { UserError } from '../../../crds/index.ts';
import type { Heard, LogLine } from '../../jobs/source.ts';
import { withJob } from '../../jobs/with-job.ts';
import { now } from '../../process/clock.ts';
import type { Viewing } from '../../process/context.ts';
import {
  type FoldedLine,
  foldLines,
  isWanted,
  type LogFilter,
  logLineText,
} from '../../text/log-lines.ts';

export interface LogsFlags {
  readonly follow?: boolean;
  readonly rank?: string;
  readonly since?: string;
  readonly tail?: number;
  readonly grep?: string;
  readonly level: LogLine['level'];
  readonly previous?: boolean;
  readonly operator?: boolean;
  readonly raw?: boolean;
  readonly output: 'text' | 'json';
}

/** Long enough to gather the same line from several workers, too short to be noticed. */
const gatherMs = 150;

export async function logsFromTerminal(
  word: string,
  flags: LogsFlags,
  viewing: Viewing,
): Promise<number> {
  const { output, signal } = viewing;
  const filter = filterOf(flags, now());
  return withJob(word, viewing, async (job, source) => {
    const follow = flags.follow === true;
    const operator = flags.operator === true;
    if (operator && source.type === 'local') throw noOperator(job.name);
    const printer = new Printer(flags, viewing, !operator && job.spec.worker.replicas > 1);
    const wanted: LogLine[] = [];
    let upToDate = false;
    using _flushing = follow ? printer.every(gatherMs, signal) : undefined;
    const asked = { follow, operator, previous: flags.previous === true };
    for await (const heard of source.logs(job, asked, signal)) {
      if (heard.type === 'Away') output.talk(`${heard.why}\n`);
      if (heard.type === 'UpToDate' && !upToDate) {
        upToDate = true;
        printer.print(lastOf(wanted, flags.tail));
      }
      const line = lineOf(heard);
      if (line === undefined || !isWanted(line, filter)) continue;
      if (upToDate) printer.hold(line);
      else wanted.push(line);
    }
    if (!upToDate) printer.print(lastOf(wanted, flags.tail));
    printer.flush();
    return 0;
  });
}

function noOperator(name: string): UserError {
  const message = `${name} is a run of this machine; it has no operator`;
  return new UserError({
    code: 'E_USAGE',
    message,
    hint: `anneal logs ${name} shows its own log`,
  });
}

function lineOf(heard: Heard): LogLine | undefined {
  return heard.type === 'Log' ? heard.line : undefined;
}

function lastOf(lines: readonly LogLine[], tail: number | undefined): readonly LogLine[] {
  const sorted = lines.toSorted((a, b) => a.time - b.time);
  return tail === undefined ? sorted : sorted.slice(-tail);
}

class Printer {
  readonly #flags: LogsFlags;
  readonly #viewing: Viewing;
  readonly #marks: boolean;
  #held: LogLine[] = [];

  constructor(flags: LogsFlags, viewing: Viewing, marks: boolean) {
    this.#flags = flags;
    this.#viewing = viewing;
    this.#marks = marks;
  }

  hold(line: LogLine): void {
    this.#held.push(line);
  }

  flush(): void {
    const held = this.#held;
    this.#held = [];
    this.print(held);
  }

  every(ms: number, signal: AbortSignal): Disposable {
    const ended = new AbortController();
    const both = AbortSignal.any([ended.signal, signal]);
    const run = async (): Promise<void> => {
      while (!both.aborted) {
        await wait(ms, undefined, { signal: both });
        this.flush();
      }
    };
    void run().catch(() => undefined); // ended
    return { [Symbol.dispose]: () => ended.abort() };
  }

  print(lines: readonly LogLine[]): void {
    const { output } = this.#viewing;
    if (this.#flags.output === 'json') {
      for (const line of lines) output.write(`${JSON.stringify(line)}\n`);
    } else if (this.#flags.raw) {
      for (const { text } of lines) output.write(`${text}\n`);
    } else {
      for (const line of foldLines(lines)) output.write(`${this.#text(line)}\n`);
    }
  }

  #text(line: FoldedLine): string {
    const { paint } = this.#viewing.output;
    return logLineText(line, { paint, time: true, marks: this.#marks });
  }
}

function filterOf({ rank, since, grep, level }: LogsFlags, at: Date): LogFilter {
  return {
    ranks: rank === undefined ? undefined : ranksOf(rank),
    since: since === undefined ? undefined : at.getTime() / 1000 - secondsOf(since),
    grep: grep === undefined ? undefined : patternOf(grep),
    least: level,
  };
}

/** `0,2` or `0-3`. */
function ranksOf(text: string): ReadonlySet<number> {
  const ranks = text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim()) ?? [];
    if (first === undefined) {
      const message = `--rank is ${JSON.stringify(text)}; it must be numbers of workers such as 0,2 or 0-3`;
      throw new UserError({ code: 'E_USAGE', message });
    }
    const count = Math.max(0, Number(last) - Number(first) + 1);
    return Array.from({ length: count }, (_, index) => Number(first) + index);
  });
  return new Set(ranks);
}

const units = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

function secondsOf(text: string): number {
  const [, amount, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? [];
  if (amount === undefined) {
    const message = `--since is ${JSON.stringify(text)}; it must be a time such as 30s, 10m or 2h`;
    throw new UserError({ code: 'E_USAGE', message });
  }
  return Number(amount) * units[unit as keyof typeof units];
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text, 'i');
  } catch (error) {
    throw noPattern(text, error);
  }
}

function noPattern(text: string, cause: unknown): UserError {
  const message = `--grep is ${JSON.stringify(text)}; it must be a regular expression`;
  return new UserError({ code: 'E_USAGE', message, cause });
}
