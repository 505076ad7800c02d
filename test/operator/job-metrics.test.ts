import test from 'ava';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import { JobMetrics } from '../../operator/job-metrics.ts';
import { createMetrics } from '../../operator/runtime/metrics.ts';
import { conditionsOf, now, seconds } from '../builders/job-facts.ts';

function fixture() {
  const metrics = createMetrics();
  const jobs = new JobMetrics(metrics);
  let before: FineTuneJobStatus = {};
  return {
    jobs,
    to(after: FineTuneJobStatus, at = now) {
      jobs.changed({ uid: 'u1', before, after }, at);
      before = after;
    },
    /** The lines of one metric, without its help. */
    async lines(name: string) {
      const page = await metrics.registry.getSingleMetricAsString(`anneal_${name}`);
      return page.split('\n').filter((line) => !line.startsWith('#') && line !== '');
    },
  };
}

test('changes of phase are counted, and the time in a phase whose begin was seen', async (t) => {
  const { to, lines } = fixture();
  to({ phase: 'Pending' });
  to({ phase: 'Pending' }, seconds(1));
  to({ phase: 'Running' }, seconds(3));
  t.deepEqual(await lines('phase_transitions_total'), [
    'anneal_phase_transitions_total{from="None",to="Pending"} 1',
    'anneal_phase_transitions_total{from="Pending",to="Running"} 1',
  ]);
  const sums = (await lines('phase_duration_seconds')).filter((line) => line.includes('_sum'));
  t.deepEqual(sums, ['anneal_phase_duration_seconds_sum{phase="Pending"} 3']);
});

test('a job that is gone is forgotten', async (t) => {
  const { jobs, to, lines } = fixture();
  to({ phase: 'Pending' });
  jobs.keep(new Set());
  to({ phase: 'Running' }, seconds(3));
  t.deepEqual(await lines('phase_duration_seconds'), []);
});

test('restarts are counted by cause, and by whether new pods were needed', async (t) => {
  const { to, lines } = fixture();
  const workerRevision = { workerRevision: 1 } as const;
  to({ ...workerRevision, restarts: { counted: 1, lastCause: 'Hang' } });
  to({ ...workerRevision, restarts: { counted: 1, disruptions: 1, lastCause: 'Hang' } });
  to({ ...workerRevision, restarts: { counted: 1, disruptions: 1, lastCause: 'Hang' } });
  to({ workerRevision: 2, restarts: { counted: 2, disruptions: 1, lastCause: 'DeviceFault' } });
  t.deepEqual(await lines('restarts_total'), [
    'anneal_restarts_total{cause="Hang",rung="NewRound"} 1',
    'anneal_restarts_total{cause="Disruption",rung="NewRound"} 1',
    'anneal_restarts_total{cause="DeviceFault",rung="NewRevision"} 1',
  ]);
});

test('the wait in a queue ends with the admission, and a failure is counted by its reason', async (t) => {
  const { to, lines } = fixture();
  const held = conditionsOf({ QuotaReserved: '!Pending' });
  to({ conditions: held });
  to({ conditions: conditionsOf({ QuotaReserved: 'Admitted' }) });
  const waited = now - Date.parse(held[0]?.lastTransitionTime ?? '');
  const sums = (await lines('queue_wait_seconds')).filter((line) => line.includes('_sum'));
  t.deepEqual(sums, [`anneal_queue_wait_seconds_sum ${waited / 1000}`]);
  to({ phase: 'Failed', failure: { code: 'E_HANG', reason: 'Hang', message: 'm' } });
  t.deepEqual(await lines('failures_total'), ['anneal_failures_total{reason="Hang"} 1']);
});
