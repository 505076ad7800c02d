import test from 'ava';
import { environmentOf } from '../../../operator/objects/environment.ts';
import { aBuiltJob, someSettings } from '../../builders/built-job.ts';
import type { Changes } from '../../builders/job.ts';

const traces = { endpoint: 'http://collector:4318/v1/traces', port: 4318, namespace: undefined };
const traced: Changes = { 'observability.traceSampling': 'All' };

function variables(changes: Changes, settings = { ...someSettings, traces }, traceparent?: string) {
  const job = { ...aBuiltJob(changes), traceparent };
  return (['prepare', 'worker', 'publish'] as const).map((role) => {
    const all = environmentOf(job, role, settings);
    const value = (name: string) => all.find((each) => each.name === name)?.value;
    return [value('TRACEPARENT'), value('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')] as const;
  });
}

test('all pods of a job are told one trace, and where to send their spans', (t) => {
  const [first, ...others] = variables(traced);
  t.regex(first?.[0] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  t.is(first?.[1], traces.endpoint);
  t.deepEqual(others, [first, first]);
  t.deepEqual(variables({ 'observability.traceSampling': 'Errors' })[0], first);
});

test('it is part of the trace that the job was created in', (t) => {
  const asked = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const [[traceparent = ''] = []] = variables(traced, { ...someSettings, traces }, asked);
  t.is(traceparent.slice(3, 35), asked.slice(3, 35));
  t.not(traceparent, asked, 'below the span of the job, not beside it');
});

test('a job that asks for no traces, and a site without a collector, have neither', (t) => {
  const nothing = [undefined, undefined] as const;
  t.deepEqual(variables({}), [nothing, nothing, nothing]);
  t.deepEqual(variables(traced, { ...someSettings, traces: undefined as never })[0], nothing);
});
