import test from 'ava';
import { type ChildEnd, endingOf } from '../../../worker/supervisor/end-of-child.ts';

const end = (changes: Partial<ChildEnd>): ChildEnd => ({
  ...{
    exitCode: undefined,
    signal: undefined,
    failure: undefined,
    stderrTail: '',
    outOfMemory: false,
  },
  ...changes,
});

test('exit codes 0 and 75 are no failure', (t) => {
  t.is(endingOf(end({ exitCode: 0 }), 3), 'Done');
  t.is(endingOf(end({ exitCode: 75 }), 3), 'Stopped');
});

test('what the process said of its failure goes before its exit code', (t) => {
  const failure = {
    time: 0,
    type: 'failure',
    code: 'E_DIVERGED',
    reason: 'Diverged',
    message: 'not finite',
  } as const;
  t.like(endingOf(end({ exitCode: 1, failure }), 7), {
    code: 'E_DIVERGED',
    exitCode: 74,
    retry: 'Permanent',
    step: 7,
  });
});

test('a signal is a crash, a kill, or a kill for memory where the kernel says so', (t) => {
  const last = 'first line\nlast line';
  t.like(endingOf(end({ signal: 'SIGSEGV', stderrTail: last }), 0), {
    ...{ code: 'E_CRASHED', exitCode: 139 },
    message: 'the training process was ended by SIGSEGV: last line',
    lastError: last,
  });
  t.like(endingOf(end({ signal: 'SIGABRT' }), 0), { code: 'E_CRASHED', exitCode: 134 });
  t.like(endingOf(end({ signal: 'SIGKILL' }), 0), { code: 'E_TERMINATED', exitCode: 137 });
  t.like(endingOf(end({ signal: 'SIGKILL', outOfMemory: true }), 0), {
    code: 'E_HOST_OUT_OF_MEMORY',
    exitCode: 137,
  });
});

test('an exit code without a word is an internal error with that code', (t) => {
  t.like(endingOf(end({ exitCode: 3 }), 0), { code: 'E_INTERNAL', exitCode: 3 });
  t.like(endingOf(end({}), 0), { code: 'E_CRASHED', exitCode: 70 });
});
