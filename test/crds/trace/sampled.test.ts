import test from 'ava';
import { SampledSpans, type TraceSampling } from '../../../crds/trace/sampled.ts';
import type { Span } from '../../../crds/trace/span.ts';

const span = (name: string): Span => ({
  ...{ traceId: 't', spanId: name, name, startMs: 0, endMs: 1, attributes: {} },
});

function sentBy(sampling: TraceSampling, names: readonly string[], failed: boolean, limit = 256) {
  const sent: string[] = [];
  const sampled = new SampledSpans(sampling, ({ name }) => sent.push(name), limit);
  for (const name of names) sampled.put(span(name));
  const early = [...sent];
  sampled.end(failed);
  return { early, sent };
}

test('all, none, or those of jobs that fail', (t) => {
  t.deepEqual(sentBy('All', ['a', 'b'], false), { early: ['a', 'b'], sent: ['a', 'b'] });
  t.deepEqual(sentBy('None', ['a', 'b'], true), { early: [], sent: [] });
  t.deepEqual(sentBy('Errors', ['a', 'b'], false), { early: [], sent: [] });
  t.deepEqual(sentBy('Errors', ['a', 'b'], true), { early: [], sent: ['a', 'b'] });
});

test('of a long life the beginning and the end are kept until it is known', (t) => {
  const names = Array.from({ length: 10 }, (_, index) => String(index));
  t.deepEqual(sentBy('Errors', names, true, 4).sent, ['0', '1', '8', '9']);
});
