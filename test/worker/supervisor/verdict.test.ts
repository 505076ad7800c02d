import test from 'ava';
import type { FailureCode } from '../../../crds/failures/table.ts';
import { failureWith } from '../../../worker/supervisor/end-of-child.ts';
import { type Case, recomputeAll, verdictOn } from '../../../worker/supervisor/verdict.ts';
import { aPolicy, aState, startMs } from '../../builders/situation.ts';

const none = aState().restarts;

function verdict(code: FailureCode, changes: Partial<Case> = {}) {
  return verdictOn({
    failure: failureWith(code, 'it went wrong'),
    account: none,
    adjustments: [],
    policy: aPolicy(),
    recomputesAll: false,
    nowMs: startMs,
    ...changes,
  });
}

test('permanent failures end the job, the others are mended in place', (t) => {
  for (const code of ['E_DIVERGED', 'E_CHECKPOINT_CORRUPTED', 'E_INVALID_DATA'] as const)
    t.is(verdict(code).type, 'Fail', code);
  for (const code of [
    'E_CRASHED',
    'E_INTERNAL',
    'E_HANG',
    'E_TERMINATED',
    'E_DEVICE_FAULT',
  ] as const)
    t.is(verdict(code).type, 'Restart', code);
});

test('a device that is broken is left at once, one that failed after the second fault', (t) => {
  for (const code of ['E_DEVICE_MEMORY_FAULT', 'E_DEVICE_LOST'] as const)
    t.is(verdict(code).type, 'Leave', code);
  const before = { ...none, lastCause: 'DeviceFault', repeats: 1, sinceCommit: 1 };
  t.is(verdict('E_DEVICE_FAULT', { account: before }).type, 'Leave');
});

test('no device that can be used ends the job, unless a rule of it says otherwise', (t) => {
  for (const code of ['E_IMAGE_WITHOUT_CUDA', 'E_NO_DEVICE', 'E_DEVICE_UNFIT'] as const)
    t.is(verdict(code).type, 'Fail', code);
  const rules = [{ onExitCodes: [78], action: 'RestartExcludingNode' as const }];
  t.is(verdict('E_DEVICE_UNFIT', { policy: aPolicy({ rules }) }).type, 'Leave');
});

test('three restarts without a new checkpoint are the end, whatever the budget says', (t) => {
  const account = { ...none, sinceCommit: 2 };
  const policy = aPolicy({ maxRestarts: 1000 });
  t.like(verdict('E_CRASHED', { account, policy }), {
    type: 'Fail',
    failure: { code: 'E_NO_PROGRESS', exitCode: 70 },
  });
  t.is(verdict('E_CRASHED', { account: { ...none, sinceCommit: 1 }, policy }).type, 'Restart');
  t.like(
    verdict('E_STORAGE_FULL', { account, policy }),
    { type: 'Fail', failure: { code: 'E_STORAGE_FULL', exitCode: 69 } },
    'for want of room no checkpoint can come, and that is what people should read',
  );
});

test('restarts within the window are counted against the budget, older ones are not', (t) => {
  const at = (secondsAgo: number) => new Date(startMs - secondsAgo * 1000).toISOString();
  const account = { ...none, counted: 5, window: [at(3599), at(60)] };
  const policy = aPolicy({ maxRestarts: 2, restartWindowSeconds: 3600 });
  t.like(verdict('E_CRASHED', { account, policy }), {
    type: 'Fail',
    failure: { code: 'E_BUDGET_EXHAUSTED' },
  });
  const older = { ...account, window: [at(3601), at(60)] };
  t.is(verdict('E_CRASHED', { account: older, policy }).type, 'Restart');
  const whole = aPolicy({ maxRestarts: 5, restartWindowSeconds: 0 });
  t.is(verdict('E_CRASHED', { account: older, policy: whole }).type, 'Fail');
});

test('a rule of the job goes before the table of failures', (t) => {
  const policy = aPolicy({
    rules: [
      { onExitCodes: [74], action: 'Restart' },
      { onReasons: ['Hang'], action: 'RestartExcludingNode' },
      { onReasons: ['ProcessCrashed'], action: 'Ignore' },
      { onExitCodes: [70], action: 'Fail' },
    ],
  });
  t.like(verdict('E_DIVERGED', { policy }), { type: 'Restart', cause: 'ProcessFailed' });
  t.deepEqual(verdict('E_HANG', { policy }), { type: 'Leave' });
  t.like(verdict('E_CRASHED', { policy }), { type: 'Restart', cause: 'Requested', account: none });
  t.is(verdict('E_INTERNAL', { policy }).type, 'Fail');
});

test('the memory ladder has one rung, which is taken once and costs nothing', (t) => {
  t.deepEqual(verdict('E_DEVICE_OUT_OF_MEMORY'), {
    type: 'Restart',
    cause: 'OutOfMemory',
    account: none,
    adjustments: [recomputeAll],
  });
  t.is(verdict('E_DEVICE_OUT_OF_MEMORY', { adjustments: [recomputeAll] }).type, 'Fail');
  t.is(verdict('E_DEVICE_OUT_OF_MEMORY', { recomputesAll: true }).type, 'Fail');
  const policy = aPolicy({ deviceOutOfMemoryPolicy: 'Fail' });
  t.is(verdict('E_DEVICE_OUT_OF_MEMORY', { policy }).type, 'Fail');
});

test('host memory: mended once or twice, then more of it or the end', (t) => {
  const again = (repeats: number) => ({ ...none, lastCause: 'HostOutOfMemory', repeats });
  t.is(verdict('E_HOST_OUT_OF_MEMORY').type, 'Restart');
  t.is(verdict('E_HOST_OUT_OF_MEMORY', { account: again(1) }).type, 'Restart');
  t.like(verdict('E_HOST_OUT_OF_MEMORY', { account: again(2) }), {
    type: 'Fail',
    failure: { code: 'E_HOST_OUT_OF_MEMORY' },
  });
  const policy = aPolicy({ hostOutOfMemoryPolicy: 'Grow' });
  t.is(verdict('E_HOST_OUT_OF_MEMORY', { account: again(1), policy }).type, 'Leave');
});

test('a hang opens a round of its own cause', (t) => {
  t.like(verdict('E_HANG'), { type: 'Restart', cause: 'Hang' });
});
