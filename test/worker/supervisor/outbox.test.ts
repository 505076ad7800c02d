import test from 'ava';
import fc from 'fast-check';
import { Outbox, type Parcel } from '../../../worker/supervisor/outbox.ts';

const parcel = (id: number, bytes = 100): Parcel => ({
  stream: 'metrics',
  id: String(id),
  value: new Uint8Array(bytes),
});

test('what is put is peeked in order and stays until it is settled', async (t) => {
  const outbox = new Outbox(1e6);
  for (const id of [1, 2, 3]) outbox.put(parcel(id));
  const two = outbox.peek(2);
  t.deepEqual(
    two.map(({ id }) => id),
    ['1', '2'],
  );
  t.is(outbox.size, 3);
  outbox.settle(two);
  t.deepEqual(
    outbox.peek(9).map(({ id }) => id),
    ['3'],
  );
  await outbox.filled();
});

test('waiting for something to send ends with the first message', async (t) => {
  const outbox = new Outbox(1e6);
  const filled = outbox.filled();
  outbox.put(parcel(1));
  await filled;
  t.is(outbox.size, 1);
});

test('a full outbox gives up the oldest, counts them, and never exceeds its bytes', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ bytes: fc.nat(2000), settle: fc.nat(3) }), { maxLength: 100 }),
      fc.integer({ min: 500, max: 10_000 }),
      (puts, limit) => {
        const outbox = new Outbox(limit);
        let settled = 0;
        for (const [id, { bytes, settle }] of puts.entries()) {
          outbox.put(parcel(id, bytes));
          const before = outbox.size;
          outbox.settle(outbox.peek(settle));
          settled += before - outbox.size;
          const largest = 2000 + 300;
          t.true(outbox.bytes <= limit || outbox.size === 1, 'within the limit');
          t.true(outbox.bytes <= Math.max(limit, largest));
        }
        t.is(outbox.size + outbox.dropped + settled, puts.length, 'each is here, sent or counted');
        const ids = outbox.peek(1000).map(({ id }) => Number(id));
        t.deepEqual(
          ids,
          ids.toSorted((a, b) => a - b),
        );
        if (ids.length > 0) t.is(ids.at(-1), puts.length - 1, 'the newest is never given up');
      },
    ),
  );
  t.pass();
});

test('what was given up while it was being sent does not take others with it', (t) => {
  const outbox = new Outbox(1000);
  outbox.put(parcel(1));
  outbox.put(parcel(2));
  const sent = outbox.peek(2);
  outbox.put(parcel(3));
  outbox.put(parcel(4));
  outbox.settle(sent);
  t.deepEqual(
    outbox.peek(9).map(({ id }) => id),
    ['3', '4'],
  );
});
