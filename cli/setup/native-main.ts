/** `npm run native`: builds libtorch and the addon. For developers, after an edit. */
import { join } from 'node:path';
import { attempt } from './attempt.ts';
import { ensureNative } from './native.ts';
import { seconds } from './steps.ts';

await attempt(async (setup) => {
  const start = performance.now();
  const dist = await ensureNative(setup, join(import.meta.dirname, '../..'));
  setup.steps.note(`native addon ready in ${dist} (${seconds(performance.now() - start)})`);
  return 0;
});
