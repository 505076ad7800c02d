/**
 * `npm start`: everything that the first run needs, then the first run. Arguments after `--` go to
 * `anneal run`, so `npm start -- --steps 5` works.
 */
import { join } from 'node:path';
import { execa } from 'execa';
import { attempt } from './attempt.ts';
import { ensureDemo } from './demo.ts';
import { ensureNative } from './native.ts';
import { seconds } from './steps.ts';

const checkout = join(import.meta.dirname, '../..');

await attempt(async (setup) => {
  const start = performance.now();
  await ensureNative(setup, checkout);
  await ensureDemo(setup);
  const took = seconds(performance.now() - start);
  setup.steps.note(`set-up ready (${took}); cache in ${setup.cache.root}`);
  const job = join(checkout, 'crds/examples/first.yaml');
  setup.steps.note('anneal run crds/examples/first.yaml');
  const anneal = [
    `--import=${join(checkout, 'cli/dev/tsx-hook.ts')}`,
    join(checkout, 'cli/main.ts'),
  ];
  const ran = await execa(process.execPath, [...anneal, 'run', job, ...process.argv.slice(2)], {
    stdio: 'inherit',
    reject: false,
    cancelSignal: setup.signal,
    forceKillAfterDelay: false,
  });
  return ran.exitCode ?? 130;
});
