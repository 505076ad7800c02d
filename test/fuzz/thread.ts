// One target in a thread, so that the main thread can end it when an input never ends. Before each
// input runs, its bytes stand in memory that both share.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { fuzz, usualLimits } from './engine.ts';
import type { Target } from './target.ts';
import { moduleOf } from './target-names.ts';
import { sharedInputBytes, sharedWords, type ThreadData } from './thread-data.ts';

const { target, seconds, seed, shared } = workerData as ThreadData;
const words = new Int32Array(shared, 0, sharedWords);
const bytes = new Uint8Array(shared, sharedWords * 4);

const { target: found } = (await import(moduleOf(target))) as {
  readonly target: Target;
};
const outcome = await fuzz(found, corpusOf(target), { ...usualLimits, seconds }, seed, {
  begin(input) {
    bytes.set(input.subarray(0, sharedInputBytes));
    words[1] = Math.min(input.length, sharedInputBytes);
    words[0] = ((words[0] ?? 0) + 1) | 0;
  },
  reached(kept, functions) {
    words[2] = kept;
    words[3] = functions;
  },
});
parentPort?.postMessage(outcome);

function corpusOf(name: string): Uint8Array[] {
  const folder = join(import.meta.dirname, 'corpus', name);
  try {
    return readdirSync(folder).map((file) => readFileSync(join(folder, file)));
  } catch {
    // A target without findings has no folder.
    return [];
  }
}
