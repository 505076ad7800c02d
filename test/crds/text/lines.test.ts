import test from 'ava';
import fc from 'fast-check';
import { linesOf } from '../../../crds/text/lines.ts';

async function read(chunks: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const line of linesOf(inTurn(chunks))) found.push(line);
  return found;
}

async function* inTurn(chunks: readonly string[]): AsyncGenerator<string> {
  yield* chunks;
}

test('lines do not depend on how a text is cut into chunks', async (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n') });
  await fc.assert(
    fc.asyncProperty(fc.array(text), async (chunks) => {
      const whole = chunks.join('').split('\n');
      t.deepEqual(
        await read(chunks),
        whole.filter((line) => line !== ''),
      );
    }),
  );
});
