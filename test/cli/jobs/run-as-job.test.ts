import test from 'ava';
import { phaseOf } from '../../../cli/jobs/job.ts';
import { runAsJob } from '../../../cli/jobs/run-as-job.ts';
import { fineTuneJob } from '../../../crds/index.ts';
import { type OutcomeRecord, preparedRecord } from '../../../crds/wire/run-folder.ts';
import { messagesOfARun } from '../../builders/run-messages.ts';
import { aPreparedRecord } from '../../builders/run-report.ts';
import { aRunRecord } from '../../builders/stored-run.ts';

const all = messagesOfARun();

function jobOf(count: number, outcome: Partial<OutcomeRecord> | null, isRunning = false) {
  const endedAt = '2026-01-01T00:01:00.000Z';
  const ended: OutcomeRecord = { version: 1, state: 'Complete', endedAt, ...outcome };
  const run = { folder: 'runs/first/3', number: 3, record: aRunRecord('cache') };
  return runAsJob({
    run: { ...run, outcome: outcome === null ? null : ended },
    isRunning,
    last: all.slice(0, count),
    found: { prepared: preparedRecord.parse(aPreparedRecord('/models/model')), whole: null },
  });
}

test('a run that ended well is a job that succeeded, with its last numbers and results', (t) => {
  const job = jobOf(all.length, {});
  t.is(job.name, 'first/3');
  t.is(job.namespace, 'local');
  t.like(job.status, {
    phase: 'Succeeded',
    progress: { step: 20, totalSteps: 20, percent: 100, evalLoss: '2.1' },
    checkpoint: { latestStep: 20 },
    model: { digest: 'm' },
    dataset: { digest: 'd', samples: 368, tokens: 120_000, skipped: 0 },
    artifacts: [{ type: 'PEFTAdapter', uri: 'adapter' }],
  });
});

test('how a result was evaluated is part of it, and one that was refused is none', (t) => {
  const run = { folder: 'runs/first/3', number: 3, record: aRunRecord('cache') };
  const evaluated = (verdict: 'Warn' | 'Refuse') => {
    const evaluation = {
      ...{ profile: 'Default' as const, verdict, checks: [], leftOut: [], seconds: 1 },
      findings: [
        { gate: 'LowBit' as const, verdict, message: 'GGUF has weights of 3 bits', hint: 'no' },
      ],
    };
    const message = { type: 'artifact' as const, time: 1, format: 'GGUF', path: 'gguf', bytes: 1 };
    const last = [{ ...message, evaluation }];
    return runAsJob({ run: { ...run, outcome: null }, isRunning: true, last, found: null }).status
      .artifacts;
  };
  const evaluation = 'pass with a warning: GGUF has weights of 3 bits';
  t.deepEqual(evaluated('Warn'), [{ type: 'GGUF', uri: 'gguf', verdict: 'Warn', evaluation }]);
  t.deepEqual(evaluated('Refuse'), []);
});

test('the phase of a run is known at every message, while it runs and after it was killed', (t) => {
  for (let count = 0; count <= all.length; count++) {
    t.true(
      ['Pending', 'Initializing', 'Running', 'Publishing'].includes(
        phaseOf(jobOf(count, null, true)),
      ),
    );
    t.is(phaseOf(jobOf(count, null)), 'Suspended');
  }
  t.is(phaseOf(jobOf(0, null, true)), 'Pending');
  t.is(phaseOf(jobOf(2, null, true)), 'Initializing');
  t.is(phaseOf(jobOf(12, null, true)), 'Running');
  t.is(phaseOf(jobOf(all.length, null, true)), 'Publishing');
});

test('a failure keeps its code and gets the reason of the table', (t) => {
  const { failure } = jobOf(12, { state: 'Failed', code: 'E_DIVERGED', message: 'no' }).status;
  t.like(failure, { code: 'E_DIVERGED', message: 'no', step: 6 });
  t.is(failure?.reason, 'Diverged');
});

test('what a run is told as meets the schema of a job', (t) => {
  for (const [outcome, isRunning] of [
    [null, true],
    [null, false],
    [{ state: 'Failed', code: 'E_DIVERGED', message: 'no' }, false],
    [{}, false],
  ] as const) {
    const { status, spec } = jobOf(all.length, outcome, isRunning);
    const written = {
      apiVersion: 'anneal.dev/v1alpha1',
      kind: 'FineTuneJob',
      metadata: { name: 'first' },
    };
    t.deepEqual(fineTuneJob.safeParse({ ...written, spec, status }).error?.issues ?? [], []);
  }
});
