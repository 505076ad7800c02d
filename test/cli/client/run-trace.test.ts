// The whole of it, with real processes, is in test/e2e/trace.test.ts.
import test from 'ava';
import { openRunTrace } from '../../../cli/client/run-trace.ts';
import { TerminalError } from '../../../crds/failures/errors.ts';
import { traceSettings } from '../../../crds/trace/settings.ts';
import { messagesOfARun } from '../../builders/run-messages.ts';
import { OtlpCollector } from '../../doubles/otlp-collector.ts';

const failed = {
  type: 'Failed',
  error: new TerminalError({ code: 'E_CRASHED', message: 'it broke' }),
} as const;
const complete = { type: 'Complete' } as const;
type Sampling = Parameters<typeof openRunTrace>[0]['sampling'];

/** A run whose trainer says what a small run says. */
async function run(
  variables: Readonly<Record<string, string>>,
  sampling: Sampling,
  outcome: typeof failed | typeof complete,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  const asked = traceSettings(variables);
  // A busy machine takes longer than users are to wait.
  const settings = asked.type === 'On' ? { ...asked, timeoutMs: 60_000 } : asked;
  const trace = openRunTrace({
    ...{ settings, traceparent: variables['TRACEPARENT'], sampling },
    ...{ attributes: { 'anneal.job': 'first' }, startMs: 990_000, now: () => new Date(2_000_000) },
    warn: (sentence) => warnings.push(sentence),
  });
  trace.began('train');
  for (const message of messagesOfARun()) trace.hear(message);
  trace.ended(outcome);
  await trace.close(outcome);
  return warnings;
}

const to = ({ endpoint }: OtlpCollector) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });

test('a run is one trace, with the command at its root', async (t) => {
  await using collector = await OtlpCollector.start();
  t.deepEqual(await run(to(collector), 'All', complete), []);
  const root = collector.named('anneal run');
  t.is(new Set(collector.spans.map(({ traceId }) => traceId)).size, 1);
  t.is(root.parentId, '');
  t.is(root.startMs, 990_000);
  t.is(root.attributes['anneal.job'], 'first');
  t.is(root.error, '');
  t.is(collector.named('train').parentId, root.spanId);
  t.is(collector.named('first step').parentId, collector.named('train').spanId);
});

test('it belongs to the trace of whoever runs the command', async (t) => {
  await using collector = await OtlpCollector.start();
  const [traceId, spanId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
  const TRACEPARENT = `00-${traceId}-${spanId}-01`;
  await run({ ...to(collector), TRACEPARENT }, 'All', complete);
  t.is(collector.named('anneal run').traceId, traceId);
  t.is(collector.named('anneal run').parentId, spanId);
});

test('with Errors a run that ends well sends nothing, and one that fails all of it', async (t) => {
  await using collector = await OtlpCollector.start();
  await run(to(collector), 'Errors', complete);
  t.is(collector.requests, 0);
  await run(to(collector), 'Errors', failed);
  t.true(collector.names().includes('first step'));
  t.is(collector.named('anneal run').error, 'it broke (E_CRASHED)');
  t.is(collector.named('train').error, 'it broke (E_CRASHED)');
});

test('with None, and without an address, nothing is sent', async (t) => {
  await using collector = await OtlpCollector.start();
  t.deepEqual(await run(to(collector), 'None', failed), []);
  t.deepEqual(await run({}, 'All', failed), []);
  t.is(collector.requests, 0);
});

test('what could not be sent is one sentence after the run, and so is what is not built', async (t) => {
  await using collector = await OtlpCollector.start();
  collector.mood = { status: 400 };
  const [sentence = '', ...more] = await run(to(collector), 'All', complete);
  t.regex(sentence, /^\d+ spans of the trace could not be sent to http:.*\/v1\/traces: \S+/);
  t.deepEqual(more, []);
  const grpc = { ...to(collector), OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };
  const [refusal = ''] = await run(grpc, 'All', complete);
  t.regex(refusal, /http\/protobuf alone/);
});
