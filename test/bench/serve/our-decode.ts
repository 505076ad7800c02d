/** Our half of `npm run bench -- serve`: a JSON request from standard input, a JSON line out. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pageTokens } from '../../../crds/plan/serving-memory.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { peakPages } from '../../../worker/decoding/admission.ts';
import { Decoder } from '../../../worker/decoding/decoder.ts';
import { type Question, Sequence } from '../../../worker/decoding/sequence.ts';
import { buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { adapterTap, loadAdapter } from '../../../worker/serve/served-adapter.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { writePeftFolder } from '../../builders/peft-folder.ts';
import type { DecodeRequest, DecodeResult } from './request.ts';

const request = JSON.parse(await text(process.stdin)) as DecodeRequest;
setThreads(request.threads);
using files = openModel(request.model);
const model = buildModel(modelSource(files), {
  ...{ dtype: 'float32', adapter: null, trains: () => false, sequenceLength: 512 },
});
using _parameters = model.parameters;
const changes = await adaptersFor(model, request.adapters);
process.stdout.write(`${JSON.stringify(measure())}\n`);
for (const change of changes) change[Symbol.dispose]();

function measure(): DecodeResult {
  const questions = Array.from({ length: request.requests }, (_, i) => questionOf(i));
  const warm = questions.slice(0, request.together).map((one) => ({ ...one, maxTokens: 2 }));
  answer(warm);
  const before = process.cpuUsage();
  const start = performance.now();
  const tokens = answer(questions);
  const { user, system } = process.cpuUsage(before);
  return { tokens, seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 };
}

function answer(questions: readonly Question[]): number {
  const waiting = [...questions];
  const growths = questions.slice(0, request.together).map((one) => new Sequence(one).growth);
  const pages = peakPages(growths, pageTokens);
  using decoder = new Decoder(model, { pages, tapOf: adapterTap });
  let tokens = 0;
  while (waiting.length > 0 || decoder.live.length > 0) {
    while (decoder.live.length < request.together) {
      const next = waiting.shift();
      if (next === undefined) break;
      decoder.start(next);
    }
    tokens += decoder.step().length;
  }
  return tokens;
}

/** Prompts of 32 tokens, each another. */
function questionOf(i: number): Question {
  const change = changes[i % Math.max(1, changes.length)];
  return {
    prompt: Array.from({ length: 32 }, (_, n) => 100 + 7 * n + i),
    ...{ maxTokens: request.tokens, temperature: 0, stop: new Set<number>(), draw: () => 0 },
    ...(change && { change }),
  };
}

async function adaptersFor(of: Model, count: number) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-bench-'));
  try {
    const base = { model: of, digest: '', acceptsUnnamed: true };
    const loaded = [];
    for (let seed = 1; seed <= count; seed += 1) {
      const own = join(folder, String(seed));
      await writePeftFolder(own, of, { rank: 16, seed, size: 0.001 });
      loaded.push(await loadAdapter(String(seed), own, base));
    }
    return loaded;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
