import test from 'ava';
import { type ExporterSettings, SpanExporter } from '../../../crds/trace/exporter.ts';
import type { Span } from '../../../crds/trace/span.ts';
import { OtlpCollector } from '../../doubles/otlp-collector.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = (index: number, more: Partial<Span> = {}): Span => ({
  ...{ traceId, spanId: index.toString(16).padStart(16, '0'), name: `span ${index}` },
  ...{ startMs: 1_700_000_000_000.25 + index, endMs: 1_700_000_000_010.5 + index },
  attributes: {},
  ...more,
});

function opened(collector: { readonly endpoint: string }, more: Partial<ExporterSettings> = {}) {
  const reasons: string[] = [];
  const exporter = new SpanExporter({
    ...{ endpoint: `${collector.endpoint}/v1/traces`, service: 'anneal', version: '1.2.3' },
    ...{ timeoutMs: 3_000, onDropped: (_, why) => reasons.push(why) },
    ...more,
  });
  return { exporter, reasons };
}

test('a collector gets the spans as they were, with their parents, times, facts and errors', async (t) => {
  await using collector = await OtlpCollector.start();
  const { exporter, reasons } = opened(collector, { resource: { 'k8s.pod.name': 'p-0' } });
  exporter.put(span(1, { attributes: { text: 'a', whole: 7, part: 0.5, none: undefined } }));
  exporter.put(span(2, { parentId: span(1).spanId, error: 'it broke' }));
  await exporter.close();
  t.is(collector.spans.length, 2);
  const [first, second] = collector.spans;
  t.is(first?.traceId, traceId);
  t.is(first?.parentId, '');
  t.deepEqual(first?.attributes, { text: 'a', whole: 7, part: 0.5 });
  // To a microsecond: nanoseconds since 1970 are more than a float64 holds.
  t.true(Math.abs((first?.startMs ?? 0) - span(1).startMs) < 1e-3);
  t.true(Math.abs((first?.endMs ?? 0) - span(1).endMs) < 1e-3);
  t.is(first?.error, '');
  t.is(second?.parentId, first?.spanId);
  t.is(second?.error, 'it broke');
  t.is(first?.resource['service.name'], 'anneal');
  t.is(first?.resource['service.version'], '1.2.3');
  t.is(first?.resource['k8s.pod.name'], 'p-0');
  t.is(exporter.dropped, 0);
  t.deepEqual(reasons, []);
});

test('what a collector refuses is given up and counted, and told batch by batch', async (t) => {
  await using collector = await OtlpCollector.start();
  collector.mood = { status: 400 };
  const { exporter, reasons } = opened(collector);
  for (let index = 0; index < 1_100; index++) exporter.put(span(index));
  await exporter.close();
  t.is(exporter.dropped, 1_100);
  t.is(reasons.length, 3);
  t.is(collector.requests, 3, 'batches of 512, none repeated');
});

test('a collector that never answers holds nobody up: the end comes in time', async (t) => {
  await using collector = await OtlpCollector.start();
  collector.mood = 'IsSilent';
  const { exporter, reasons } = opened(collector, { timeoutMs: 300 });
  exporter.put(span(1));
  const began = performance.now();
  await exporter.close();
  const ms = performance.now() - began;
  // Its own limit, and room for a busy machine; the package alone would wait ten seconds.
  t.true(ms < 5_000, `${ms} ms`);
  t.is(exporter.dropped, 1);
  t.is(reasons.length, 1);
});

test('nobody listens: given up, and told with the reason', async (t) => {
  const { exporter, reasons } = opened({ endpoint: 'http://127.0.0.1:9' }, { timeoutMs: 300 });
  exporter.put(span(1));
  await exporter.close();
  t.is(exporter.dropped, 1);
  t.is(reasons.length, 1);
});

test('an overloaded collector is asked again a few times at most, never without a pause', async (t) => {
  await using collector = await OtlpCollector.start();
  collector.mood = { status: 503 };
  const { exporter } = opened(collector, { timeoutMs: 2_000 });
  exporter.put(span(1));
  await exporter.close();
  t.is(exporter.dropped, 1);
  // The first pause is a second: two requests fit, however quick the machine is.
  t.true(collector.requests >= 1 && collector.requests <= 3, `${collector.requests} requests`);
});

test('more than the queue holds is given up at once', async (t) => {
  await using collector = await OtlpCollector.start();
  const { exporter, reasons } = opened(collector, { queue: 10 });
  for (let index = 0; index < 25; index++) exporter.put(span(index));
  t.is(exporter.dropped, 15);
  await exporter.close();
  t.is(exporter.dropped, 15);
  t.is(collector.spans.length, 10);
  t.deepEqual(new Set(reasons), new Set(['more than 10 spans wait to be sent']));
});
