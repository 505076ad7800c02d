// node read-hostile.ts READER PATH: reads a hostile file as the product does, in a process of its
// own; prints what it answered and what it took.
import { openSync, readSync } from 'node:fs';
import * as z from 'zod';
import { readManifest } from '../../worker/checkpoint/folder.ts';
import { readJsonLines } from '../../worker/data/jsonl.ts';
import { readTokenizerFolder } from '../../worker/data/tokenizer-definition.ts';
import { readModelHeaders } from '../../worker/decoder/model-headers.ts';
import { readGgufHeader, readSafetensorsHeader } from '../../worker/files/header-files.ts';
import { requireRecord } from '../../worker/run-folder.ts';

export interface Answer {
  readonly message: string;
  /** Seconds of the processor, the start of the process included. */
  readonly seconds: number;
  readonly peakBytes: number;
}

const readers: Readonly<Record<string, (path: string) => unknown>> = {
  tokenizer: readTokenizerFolder,
  model: readModelHeaders,
  safetensors: readSafetensorsHeader,
  gguf: readGgufHeader,
  checkpoint: readManifest,
  run: (path) => requireRecord(path, 'run.json', z.unknown()),
  records: async (path) => {
    for await (const reading of readJsonLines(chunksOf(path))) {
      if ('problem' in reading) throw new Error(`a record ${reading.problem}`);
    }
  },
};

const [reader = '', path = ''] = process.argv.slice(2);
const message = await Promise.resolve()
  .then(() => readers[reader]?.(path))
  .then(
    () => 'was read',
    (error: Error) => error.message,
  );
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
const answer: Answer = {
  message,
  seconds: (userCPUTime + systemCPUTime) / 1e6,
  peakBytes: maxRSS * 1024,
};
process.stdout.write(`${JSON.stringify(answer)}\n`);

async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  const descriptor = openSync(file, 'r');
  for (;;) {
    const chunk = Buffer.alloc(2 ** 16);
    const bytes = readSync(descriptor, chunk);
    if (bytes === 0) return;
    yield chunk.subarray(0, bytes);
  }
}
