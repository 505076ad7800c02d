import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import * as z from 'zod';
import { temporaryFolder } from '../doubles/sources.ts';
import { digestOf, Outcomes } from './outcomes.ts';
import { documentNamed } from './run-document.ts';

const schema = z.object({ digest: z.string(), loss: z.number() });

test('lines are read as they were added, and one that was cut off is not there', async (t) => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'below', 'runs.jsonl');
  const outcomes = new Outcomes(file, schema);
  t.deepEqual(await outcomes.read(), []);
  await outcomes.add({ digest: 'a', loss: 1 });
  await outcomes.add({ digest: 'b', loss: 2 });
  await appendFile(file, '{"digest":"c","lo');
  t.deepEqual(
    (await outcomes.read()).map(({ digest }) => digest),
    ['a', 'b'],
  );
  t.true(await outcomes.has('b'));
  t.false(await outcomes.has('c'));
});

test('a job that asks for something else has another digest', (t) => {
  const digests = [1, 2].map((seed) => digestOf(documentNamed('one', { training: { seed } })));
  t.not(digests[0], digests[1]);
  t.is(digests[0], digestOf(documentNamed('one', { training: { seed: 1 } })));
});
