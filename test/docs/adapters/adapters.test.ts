import { readFileSync } from 'node:fs';
import test from 'ava';
import { measured } from '../../../crds/explain/measured.generated.ts';
import { measuredOf, spreadOfLora } from '../../../crds/explain/measured.ts';
import { parts } from './print-adapters.ts';

for (const { what, page, place, text } of parts) {
  test(`${page.pathname.split('/').at(-1)} has ${what}; \`node test/docs/adapters/print-adapters.ts\` renews it`, (t) => {
    t.deepEqual(place.exec(readFileSync(page, 'utf8'))?.[0], text);
  });
}

test('what docs/methods.md says below the table of measurements is so in the table', (t) => {
  const page = readFileSync(new URL('../../../docs/methods.md', import.meta.url), 'utf8');
  t.true(page.includes(`${measured.steps} steps of at most ${measured.tokens} tokens`));
  for (const name of ['LoRAGA', 'EVA']) {
    const { seeds, besideLora, learningRate } = measuredOf(name) ?? {};
    t.is(seeds, 3, name);
    t.true((besideLora?.least ?? Number.NaN) > 0, name);
    t.is(learningRate, measuredOf('LoRA')?.learningRate);
  }
  const pissa = measuredOf('PiSSA');
  const { least = Number.NaN, most = Number.NaN } = pissa?.besideLora ?? {};
  t.is(pissa?.seeds, 3);
  t.true(least < 0 && most > 0);
  t.true(Math.max(-least, most) < spreadOfLora());
  for (const name of ['PaCA', 'S2FT']) {
    const { peakMiB = Number.NaN, stepOfLora, besideLora } = measuredOf(name) ?? {};
    t.true(peakMiB < (measuredOf('LoRA')?.peakMiB ?? Number.NaN), name);
    t.true((stepOfLora ?? Number.NaN) < 1, name);
    t.true((besideLora?.least ?? Number.NaN) > 0, name);
  }
  t.is(measuredOf('LQLoRA')?.base, 'NF4');
});
