/**
 * What a run on a cluster leaves behind: on this machine processes, mounts, networks, control
 * groups and rules of its firewall, and on a cluster of somebody else its objects. Looked at before
 * and after; a run that leaves something has failed.
 */

import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { namesOn } from './foreign.ts';

/** Every process that tests start is given this variable, and so is whatever those start. */
export interface Mark {
  readonly name: 'ANNEAL_TEST_RUN';
  readonly value: string;
}

/** Lines of things, each by its kind and its name. */
export async function tracesOf(mark: Mark, kubeconfig: string | undefined): Promise<Traces> {
  const script = join(import.meta.dirname, 'traces.sh');
  const { stdout } = await execa(script, [`${mark.name}=${mark.value}`], { detached: true });
  const objects = kubeconfig === undefined ? [] : await namesOn(kubeconfig);
  return [...stdout.split('\n'), ...objects.map((name) => `object ${name}`)];
}

type Traces = readonly string[];

export function leftSince(before: Traces, after: Traces): Traces {
  const known = new Set(before);
  return after.filter((line) => !known.has(line));
}

/** Of two equal lists nothing is left; what is on its way out has half a minute. */
export async function leftAtLast(before: Traces, look: () => Promise<Traces>): Promise<Traces> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const left = leftSince(before, await look());
    if (left.length === 0 || performance.now() > deadline) return left;
    await wait(250);
  }
}

/** Processes among them end at once. */
export function endProcesses(left: Traces): void {
  for (const line of left) {
    const pid = Number(/^process (\d+) /.exec(line)?.[1]);
    if (!Number.isInteger(pid)) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself meanwhile.
    }
  }
}
