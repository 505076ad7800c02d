// Ranks of a group as processes of their own, which do what a test says: a line of JSON each way.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import type { GroupPlan } from '../../worker/sharding/process-group.ts';

export interface Member<Told, Answer> {
  readonly process: ChildProcess;
  answer(): Promise<Answer>;
  tell(told: Told): void;
}

/** Runs a program of this folder until the test ends. */
export function startMember<Told, Answer>(
  t: ExecutionContext,
  program: 'group-member.ts' | 'device-member.ts',
  plan: GroupPlan,
  variables: Readonly<Record<string, string>> = {},
): Member<Told, Answer> {
  const words = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, program)];
  const child = spawn(process.execPath, [...words, JSON.stringify(plan)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...variables },
  });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async answer() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`rank ${plan.rank} ended without an answer`);
      return JSON.parse(value) as Answer;
    },
    tell: (told) => void child.stdin.write(`${JSON.stringify(told)}\n`),
  };
}

/** Of one line of each. */
export function answersOf<Told, Answer>(
  all: readonly Member<Told, Answer>[],
): Promise<readonly Answer[]> {
  return Promise.all(all.map((member) => member.answer()));
}
