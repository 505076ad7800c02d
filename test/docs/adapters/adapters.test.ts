import { readFileSync } from 'node:fs';
import test from 'ava';
import { parts } from './print-adapters.ts';

for (const { page, place, text } of parts) {
  test(`${page.pathname.split('/').at(-1)} has what entries of adapters say; \`node test/docs/adapters/print-adapters.ts\` renews it`, (t) => {
    t.deepEqual(place.exec(readFileSync(page, 'utf8'))?.[0], text);
  });
}
