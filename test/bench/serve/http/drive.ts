// Asks a server as the schedule says, and measures: tokens, wall time, processor time of all its
// processes, and how long each request took.
import { setTimeout as sleep } from 'node:timers/promises';
import { processorSeconds } from './processor.ts';
import type { Asked } from './schedule.ts';
import type { Running } from './servers.ts';

export interface Answered {
  readonly text: string;
  readonly tokens: number;
}

export interface Driven {
  readonly tokens: number;
  readonly seconds: number;
  readonly processor: number;
  /** Seconds of each request from its arrival to its end. */
  readonly waits: readonly number[];
  readonly answers: readonly Answered[];
}

/** `most`: how many are open at once; the others are sent when one ends. */
export async function drive(
  server: Running,
  schedule: readonly Asked[],
  tokens: number,
  most = Number.POSITIVE_INFINITY,
): Promise<Driven> {
  // Their first pages and connections.
  for (const one of schedule.slice(0, 2)) await server.ask(one, 2);
  const waits: number[] = [];
  const before = processorSeconds(server.pid);
  const start = performance.now();
  const since = (): number => (performance.now() - start) / 1000;
  const open = new Set<Promise<Answered>>();
  const all: Promise<Answered>[] = [];
  for (const [i, one] of schedule.entries()) {
    await sleep(Math.max(0, 1000 * (one.at - since())));
    while (open.size >= most) await Promise.race(open);
    const asked = most === Number.POSITIVE_INFINITY ? one.at : since();
    const answer = server.ask(one, tokens).finally(() => {
      waits[i] = since() - asked;
      open.delete(answer);
    });
    open.add(answer);
    all.push(answer);
  }
  const answers = await Promise.all(all);
  const seconds = since();
  return {
    tokens: answers.reduce((sum, one) => sum + one.tokens, 0),
    ...{ seconds, waits, answers, processor: processorSeconds(server.pid) - before },
  };
}
