/**
 * A group of tests on the cluster, from start to end: it is started, used, taken down, and then the
 * machine is as it was. That is one more test, whose outcome is counted whether the others passed,
 * failed or were interrupted.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Setup } from '../../../cli/setup/setup.ts';
import { inWords } from '../../report/in-words.ts';
import { add, nothing, type Tally } from '../../report/tally.ts';
import { givenCluster, startCluster, takeDown } from './cluster.ts';
import { endProcesses, leftAtLast, type Mark, tracesOf } from './traces.ts';

/** Runs tests with these variables. Its errors become a failure, which is told. */
type RunTests = (variables: Readonly<Record<string, string>>) => Promise<Tally>;

export async function runOnCluster(
  setup: Setup,
  runTests: RunTests,
  tell: (failure: string) => void,
): Promise<Tally> {
  const mark: Mark = { name: 'ANNEAL_TEST_RUN', value: randomUUID() };
  const given = givenCluster(setup);
  const look = () => tracesOf(mark, given);
  // What an earlier run left, one that was killed, is not how the machine was.
  if (given === undefined) await takeDown(setup);
  const before = await look();
  const result = await runMarked(setup, runTests, mark).catch((error: unknown) => {
    if (!setup.signal.aborted) tell(`it could not run: ${inWords(error)}`);
    return { ...nothing, failed: 1 };
  });
  const left = await leftAtLast(before, look);
  endProcesses(left);
  if (left.length === 0) return add(result, { ...nothing, passed: 1 });
  tell(`it left on the machine or the cluster:\n    ${left.join('\n    ')}`);
  return add(result, { ...nothing, failed: 1 });
}

async function runMarked(setup: Setup, runTests: RunTests, { name, value }: Mark): Promise<Tally> {
  // Files of tests that were interrupted go with it.
  const TMPDIR = await mkdtemp(join(tmpdir(), 'anneal-cluster-'));
  try {
    await using cluster = await startCluster(setup);
    // What kubectl has learnt of a cluster it keeps in the home folder otherwise.
    const KUBECACHEDIR = join(TMPDIR, 'kubectl');
    const variables = { ...cluster.env, [name]: value, TMPDIR, KUBECACHEDIR };
    try {
      return await runTests(variables);
    } finally {
      // A test that did not end has not ended what it started.
      if (setup.signal.aborted) endProcesses(await tracesOf({ name, value }, undefined));
    }
  } finally {
    await rm(TMPDIR, { recursive: true, force: true });
  }
}
