import test from 'ava';
import { jobStages, liveStages } from '../../../cli/jobs/job-stages.ts';
import { emptyRun, see, seeAll } from '../../../cli/jobs/run-state.ts';
import { stageLine } from '../../../cli/text/stage-line.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { aSpec } from '../../builders/job.ts';
import { aListedJob, holds, type JobAsked } from '../../builders/listed-job.ts';
import { messagesOfARun } from '../../builders/run-messages.ts';

const all = messagesOfARun();

function line(asked: JobAsked, messages: readonly Telemetry[] = []): string {
  return stageLine(jobStages(aListedJob(asked), seeAll(emptyRun, messages)), 80);
}

const ready = holds('Initialized', 'Ready', 'model and data are in place');
const published = holds('Published', 'Publishing', 'the result is written');

test('on a cluster nothing but the status is needed', (t) => {
  const of = (status: JobAsked['status']) => line({ status: status ?? {} });
  t.is(of({}), 'fetch waits · prepare waits · train waits · publish waits');
  const fetching = { type: 'Fetch', subject: 'model', percent: 12 };
  t.is(
    of({ phase: 'Initializing', progress: { stage: fetching } }),
    'fetch 12 % · prepare waits · train waits · publish waits',
  );
  t.is(
    of({ phase: 'Starting', conditions: [ready] }),
    'fetch done · prepare done · train waits · publish waits',
  );
  const progress = { step: 15, totalSteps: 40 };
  t.is(
    of({ phase: 'Running', conditions: [ready], progress }),
    'fetch done · prepare done · train 37 % · publish waits',
  );
  t.is(
    of({ phase: 'Suspended', conditions: [ready], progress }),
    'fetch done · prepare done · train stopped at 37 % · publish waits',
  );
  const whole = { step: 40, totalSteps: 40 };
  t.is(
    of({ phase: 'Publishing', conditions: [ready, published], progress: whole }),
    'fetch done · prepare done · train done · publish now',
  );
  t.is(
    of({ phase: 'Failed', conditions: [ready, published], progress: whole }),
    'fetch done · prepare done · train done · publish failed',
  );
  t.is(of({ phase: 'Failed' }), 'fetch failed · prepare waits · train waits · publish waits');
});

test('where pods share no volume, each prepares before it trains', (t) => {
  const alone = holds('Initialized', 'NotShared', 'each worker prepares for itself');
  const status: JobAsked['status'] = { phase: 'Starting', conditions: [alone] };
  t.is(line({ status }), 'fetch waits · prepare waits · train waits · publish waits');
});

test('what workers say is newer than the status', (t) => {
  const progress = { step: 2, totalSteps: 20 };
  const status: JobAsked['status'] = { phase: 'Running', conditions: [ready], progress };
  t.is(
    line({ status }, all.slice(0, 16)),
    'fetch done · prepare done · train 50 % · publish waits',
  );
});

test('a run here that is killed in its second life stands where its newest message is', (t) => {
  const again = { type: 'stage', stage: 'Fetch', state: 'Started', time: 5000 } as const;
  const job = { namespace: 'local', status: { phase: 'Suspended' } } as const;
  t.is(
    line(job, [...all.slice(0, 20), again]),
    'fetch stopped · prepare waits · train waits · publish waits',
  );
});

test('digests of the status stand beside what has them; a spec that cannot be read has no stages', (t) => {
  const status = { model: { digest: 'sha256:abc' }, dataset: { digest: 'sha256:def' } };
  const [, prepare] = jobStages(aListedJob({ status }));
  t.deepEqual(prepare?.stage.writes, [
    { kind: 'model', digest: 'sha256:abc' },
    { kind: 'records', digest: 'sha256:def' },
  ]);
  const unread = { message: 'spec.method is newer', paths: ['spec.method'] };
  t.deepEqual(jobStages(aListedJob({ unread })), []);
});

test('a run that is followed passes its stages in order, to the end or a failure', (t) => {
  let state = emptyRun;
  const lines = new Set<string>();
  for (const message of all) {
    state = see(state, message);
    lines.add(stageLine(liveStages(aSpec(), state), 80).replace(/\d+ %/, 'so far'));
  }
  t.deepEqual(
    [...lines],
    [
      'fetch so far · prepare waits · train waits · publish waits',
      'fetch done · prepare now · train waits · publish waits',
      'fetch done · prepare done · train now · publish waits',
      'fetch done · prepare done · train so far · publish waits',
      'fetch done · prepare done · train done · publish now',
      'fetch done · prepare done · train done · publish done',
    ],
  );
  const failure = { type: 'failure', code: 'E_DIVERGED', reason: 'Diverged', message: 'no' };
  const failed = see(all.slice(0, 16).reduce(see, emptyRun), {
    ...failure,
    time: 9e3,
  } as Telemetry);
  t.is(
    stageLine(liveStages(aSpec(), failed), 80),
    'fetch done · prepare done · train failed at 50 % · publish waits',
  );
});
