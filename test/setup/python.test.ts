import test from 'ava';
import type { Ran } from '../../cli/setup/machine.ts';
import { TerminalError } from '../../crds/failures/errors.ts';
import { aSetup, says } from '../doubles/machine.ts';
import { findPython, mustRun } from './python.ts';

test('the first Python that is new enough and has venv is taken', async (t) => {
  const { setup } = await aSetup(t, {
    programs: { python3: () => says('cp310'), 'python3.12': () => says('cp312') },
  });
  t.deepEqual(await findPython(setup), { file: 'python3.12', tag: 'cp312' });
});

test('a machine without Python is told what to install', async (t) => {
  const { setup } = await aSetup(t);
  const error = await t.throwsAsync(findPython(setup), { instanceOf: TerminalError });
  t.regex(error.message, /^no Python 3.11 or newer with venv is on the PATH/);
});

test('a program that does not succeed is told by its own words', async (t) => {
  const failed: Ran = { kind: 'ended', ok: false, stdout: '', stderr: 'x\nERROR: no index\ny' };
  const { setup } = await aSetup(t, { programs: { pip: () => failed } });
  await t.throwsAsync(mustRun(setup, 'pip', ['download', 'a', 'b', 'c']), {
    instanceOf: TerminalError,
    message: 'pip download a b … did not succeed: no index',
  });
});

test('a program that does not end is given up with a sentence', async (t) => {
  const { setup } = await aSetup(t, {
    programs: {
      pip: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    },
  });
  // The timer of a limit does not keep a process alive.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(alive));
  await t.throwsAsync(mustRun(setup, 'pip', ['download'], { limitMs: 5 }), {
    instanceOf: TerminalError,
    message: 'pip download … did not end in 0 minutes',
  });
});

test('a stop is passed on as it is', async (t) => {
  const stop = new AbortController();
  const { setup } = await aSetup(t, {
    programs: {
      pip: (_, { signal }) => {
        stop.abort();
        signal?.throwIfAborted();
        return says('');
      },
    },
  });
  const error = await t.throwsAsync(
    mustRun({ ...setup, signal: stop.signal }, 'pip', ['download']),
  );
  t.is(error, stop.signal.reason);
});
