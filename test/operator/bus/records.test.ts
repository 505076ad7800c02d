import test from 'ava';
import * as z from 'zod';
import { Records } from '../../../operator/bus/records.ts';

const job = { namespace: 'n', uid: 'u' };
const schema = z.object({ v: z.literal(1) });

test('records are found by key and by number, in the order of their numbers', (t) => {
  const records = new Records();
  for (const index of [10, 2]) records.set(`n.u.member.3.${index}`, { v: 1 });
  records.set('n.u.member.4.0', { v: 1 });
  records.set('n.u.member.3.x', { v: 2 });
  t.deepEqual([...records.numbered(job, 'member.3', schema).keys()], [2, 10]);
  t.deepEqual(records.get('n.u.member.4.0', schema), { v: 1 });
  t.is(records.get('n.u.state', schema), undefined);
});

test('a record of another version is as good as absent', (t) => {
  const records = new Records();
  records.set('n.u.state', { v: 2 });
  t.is(records.get('n.u.state', schema), undefined);
});

test('what is not told again after a reconnect is gone', (t) => {
  const records = new Records();
  records.set('n.u.state', { v: 1 });
  records.set('n.other.state', { v: 1 });
  records.renewed();
  records.set('n.u.state', { v: 1 });
  t.is(records.jobs().length, 2, 'until all was told nothing is forgotten');
  records.settled();
  t.deepEqual(records.jobs(), [job]);
});

test('a job whose last key goes is forgotten', (t) => {
  const records = new Records();
  records.set('n.u.state', { v: 1 });
  records.set('n.u.state', undefined);
  t.deepEqual(records.jobs(), []);
  records.set('n.u.a', { v: 1 });
  records.remove(job);
  t.deepEqual(records.jobs(), []);
});

test('a record is read once for as long as it is the same, and anew when it is told again', (t) => {
  const records = new Records();
  let reads = 0;
  const counted = z.object({ n: z.number() }).refine(() => {
    reads += 1;
    return true;
  });
  records.set('n.u.state', { n: 1 });
  for (let look = 0; look < 3; look++) t.deepEqual(records.get('n.u.state', counted), { n: 1 });
  t.is(reads, 1);
  records.set('n.u.state', { n: 2 });
  t.deepEqual(records.get('n.u.state', counted), { n: 2 });
  t.is(records.get('n.u.state', schema), undefined, 'by another schema it is something else');
});
