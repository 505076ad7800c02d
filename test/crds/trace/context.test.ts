import test from 'ava';
import { parseTraceparent, traceOfJob, traceparentOf } from '../../../crds/trace/context.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

test('a traceparent is read, and what is none begins no trace', (t) => {
  t.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-01`), { traceId, spanId });
  // A later version may have more at its end.
  t.deepEqual(parseTraceparent(`01-${traceId}-${spanId}-00-more`), { traceId, spanId });
  const wrong = [
    undefined,
    '',
    'x',
    `ff-${traceId}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}`,
  ];
  for (const text of wrong) t.is(parseTraceparent(text), undefined, text);
});

test('what is written is read again', (t) => {
  t.deepEqual(parseTraceparent(traceparentOf({ traceId, spanId })), { traceId, spanId });
});

test('the trace of a job follows from its UID, and is that of whoever asked for it where that is told', (t) => {
  const alone = traceOfJob('u1', undefined);
  t.deepEqual(alone, traceOfJob('u1', 'not one'), 'any replica names the same');
  t.is(alone.parentId, undefined);
  t.notDeepEqual(alone.job, traceOfJob('u2', undefined).job);
  t.deepEqual(parseTraceparent(traceparentOf(alone.job)), alone.job);
  const asked = traceOfJob('u1', `00-${traceId}-${spanId}-01`);
  t.is(asked.job.traceId, traceId);
  t.is(asked.parentId, spanId);
  t.is(asked.job.spanId, alone.job.spanId);
});
