// A process that trains several runs, as a real process that a file tells what to say: how each of
// its runs ended.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { trainTogether } from '../../../cli/client/local-pack.ts';
import type { LocalOutcome } from '../../../cli/client/local-run.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import type { RoleScript } from '../../doubles/worker-script.ts';

const worker = join(import.meta.dirname, '../../doubles/worker-script.ts');
const failure = {
  ...{ type: 'failure', code: 'E_DIVERGED', reason: 'Diverged', time: 1 },
  ...{ message: 'step 3: not finite', hint: 'lower the rate' },
} as const;
const warning = { type: 'warning', reason: 'Waiting', message: 'it waits', time: 1 } as const;

async function pack(t: ExecutionContext, script: RoleScript, count = 2) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-pack-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'script.json'), JSON.stringify({ pack: script }));
  const heard: Telemetry[][] = Array.from({ length: count }, () => []);
  const never = new AbortController().signal;
  const outcomes = await trainTogether(
    heard.map((list) => ({ folder, onMessage: (message) => void list.push(message) })),
    { worker, stop: never, kill: never },
  );
  return { outcomes, heard };
}

const told = (outcome: LocalOutcome | undefined) =>
  outcome?.type === 'Failed' ? outcome.error.code : outcome?.type;

test('each run ends by its own code, and hears its own messages', async (t) => {
  const { outcomes, heard } = await pack(
    t,
    {
      messages: [
        { run: 1, message: warning },
        { run: 0, message: failure },
        { run: 0, exitCode: 74 },
        { run: 2, exitCode: 75 },
        { run: 1, exitCode: 0 },
      ],
    },
    3,
  );
  t.deepEqual(outcomes.map(told), ['E_DIVERGED', 'Complete', 'Stopped']);
  t.deepEqual(heard, [[failure], [warning], []]);
});

test('with the process end the runs that had not ended', async (t) => {
  const ended = { run: 1, exitCode: 0 };
  const { outcomes } = await pack(t, { messages: [ended], signal: 'SIGKILL' });
  t.deepEqual(outcomes.map(told), ['E_HOST_OUT_OF_MEMORY', 'Complete']);
});

test('what names no run of the process, or is no message, is not heard', async (t) => {
  const strange = [{ run: 7, message: warning }, { run: 'one', exitCode: 0 }, warning];
  const { outcomes, heard } = await pack(t, { messages: strange, exit: 1 });
  t.deepEqual(outcomes.map(told), ['E_CRASHED', 'E_CRASHED']);
  t.deepEqual(heard, [[], []]);
});
