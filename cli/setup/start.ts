/**
 * `npm start`: setup, then the first run. Arguments after `--` go to `anneal run`, so `npm start --
 * --steps 5` works.
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
  // Printed as the user would type it, so that it can be copied.
  const job = 'crds/examples/first.yaml';
  setup.steps.note(`npx anneal run ${job}`);
  const anneal = join(checkout, 'cli/anneal.mjs');
  const ran = execa(process.execPath, [anneal, 'run', job, ...process.argv.slice(2)], {
    cwd: checkout,
    stdio: 'inherit',
    reject: false,
  });
  // The terminal sends Ctrl-C to the run too. Forwarded, it would count twice, and the second one
  // ends without saving.
  const leave = (): void => {};
  const passOn = (): void => void ran.kill('SIGTERM');
  process.on('SIGINT', leave).on('SIGTERM', passOn);
  const { exitCode } = await ran;
  process.off('SIGINT', leave).off('SIGTERM', passOn);
  return exitCode ?? 130;
});
