// What tests of jobs with several pods ask of them: a world to begin with, the step that a round
// went on after, and an end that has the bits of the same file on this machine.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { publishesInWorker } from '../../crds/plan/publication.ts';
import type { Pod } from '../doubles/job-pods.ts';
import { JobWorld } from '../doubles/job-world.ts';
import { type RunLine, startAnneal } from '../e2e/anneal-process.ts';
import { digestsBelow } from '../e2e/killed-run.ts';

export const aWorld = (t: ExecutionContext, plan: Parameters<typeof JobWorld.make>[0]) => {
  t.timeout(600_000);
  return JobWorld.make(plan);
};

/** The last lines of each. */
export const linesOf = (pods: readonly Pod[]) =>
  pods.map(({ uid, lines }) => `${uid}:\n${lines.slice(-12).join('\n')}`).join('\n');

/** Step that a round went on after, as a pod tells it. */
export const beganAfter = (pods: readonly Pod[], round: number) =>
  Math.max(
    ...pods
      .flatMap(({ lines }) => lines)
      .map((line) => {
        const told = new RegExp(`round ${round} goes on after step (\\d+)`).exec(line);
        return told === null ? -1 : Number(told[1]);
      }),
  );

/** All of them end well, the result is published, and it is that of an undisturbed run. */
export async function endsWell(
  t: ExecutionContext,
  world: JobWorld,
  pods: readonly Pod[],
  size: number,
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  const codes = await Promise.all(pods.map(({ ended }) => ended));
  t.deepEqual(
    codes,
    pods.map(() => 0),
    linesOf(pods),
  );
  t.like((await world.state()).result, { type: 'Succeeded' });
  const [published, ...others] = pods.flatMap(
    ({ terminationMessage }) => terminationMessage()?.published ?? [],
  );
  t.deepEqual(others, [], 'the first alone publishes');
  if (publishesInWorker(world.spec)) t.is(published?.artifacts.length, 1);
  else await world.stage('publish');
  const key = JSON.stringify([size, world.numbers, variables]);
  const undisturbed = ended.get(key) ?? (await onThisMachine(t, world, size, { variables }));
  ended.set(key, undisturbed);
  t.deepEqual(digestsBelow(join(world.folder, 'out')), undisturbed);
}

/** Ends of undisturbed runs, by what they depend on: how often a run is saved is none of it. */
const ended = new Map<string, ReturnType<typeof digestsBelow>>();

interface Locally {
  readonly variables?: Readonly<Record<string, string>>;
  /** Gets the loss of each step. */
  readonly losses?: Map<number, number>;
}

/** The same file on this machine; its artefacts. */
export async function onThisMachine(
  t: ExecutionContext,
  world: JobWorld,
  workers: number,
  { variables = {}, losses }: Locally = {},
) {
  const cache = await mkdtemp(join(tmpdir(), 'anneal-local-'));
  t.teardown(() => rm(cache, { recursive: true, force: true }));
  const place = join(cache, 'volumes/toy');
  await cp(world.folder, place, {
    recursive: true,
    filter: (path) => basename(path) !== '.anneal',
  });
  const see = (line: RunLine) => {
    if (line.type === 'step') losses?.set(line.step, line.loss ?? Number.NaN);
  };
  const run = startAnneal(
    join(place, 'job.yaml'),
    cache,
    see,
    ['--workers', String(workers)],
    variables,
  );
  const { code, stderr } = await run.ended;
  t.is(code, 0, stderr);
  return digestsBelow(join(place, 'out'));
}

/** No checkpoint on the way, and copies as often as they can be made. */
export const inMemory = (mode: 'Local' | 'LocalAndPeer') => ({
  ...{ workers: 2, training: { maxSteps: 60 } },
  checkpoint: { intervalSteps: 1000, memory: { mode, intervalSteps: 1 } },
});
