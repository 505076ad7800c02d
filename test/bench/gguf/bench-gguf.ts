// npm run bench -- gguf: how long a matrix takes to become blocks of GGUF, beside ggml in a process
// of its own; one call of the one after one of the other, medians of wall time.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { ensureLlama } from '../../setup/llama.ts';
import { median } from '../train/table.ts';

const types = [
  ...(['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0'] as const),
  ...(['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'] as const),
];
const [rows, columns] = [1536, 2048];

export async function benchGguf(setup: Setup, args: readonly string[]): Promise<void> {
  const { values: asked } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      threads: { type: 'string', default: String(availableParallelism()) },
      /** Less than the processor has: portable, avx2, avx512. */
      isa: { type: 'string' },
    },
  });
  await ensureNative(setup, join(import.meta.dirname, '../../..'));
  const { python } = await ensureLlama(setup);
  // Loads the addon, which may just have been built.
  const ops = await import('../../../worker/tensor/ops.generated.ts');
  const { normal } = await import('../../../worker/tensor/rng.ts');
  const { streamOf } = await import('../../../worker/tensor/streams.ts');
  const { keep, scope } = await import('../../../worker/tensor/scope.ts');
  const { toBytes } = await import('../../../worker/tensor/tensor.ts');
  const { setThreads } = await import('../../../worker/tensor/threads.ts');
  const { ggufTensorType } = await import('../../../worker/files/gguf-types.ts');
  setThreads(Number(asked.threads));
  setup.steps.note(`instruction set: ${ops.chooseIsa(asked.isa ?? null)}`);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-bench-gguf-'));
  try {
    const [file, weights] = [join(folder, 'values'), join(folder, 'importance')];
    using values = keep(scope(() => normal([rows, columns], 0.02, streamOf(1, 'bench'))));
    using importance = keep(scope(() => ops.exp(normal([columns], 2, streamOf(2, 'bench')))));
    await writeFile(file, toBytes(values));
    await writeFile(weights, toBytes(importance));
    const peer = startPeer(python, [file, String(rows), String(columns), asked.threads]);
    const ours = (code: number, isWeighted: boolean) => {
      const began = performance.now();
      scope(() => void ops.ggufQuantize(values, code, isWeighted ? importance : null));
      return performance.now() - began;
    };
    const table = [
      '| type | importance | ours, ms | ggml, ms | ratio |',
      '| --- | --- | --- | --- | --- |',
    ];
    for (const type of types) {
      const { code } = ggufTensorType(type);
      for (const isWeighted of [false, true]) {
        const times = await alternated(Number(asked.rounds), {
          ours: async () => ours(code, isWeighted),
          theirs: () => peer.ask(`${code} ${isWeighted ? weights : ''}`),
        });
        const cells = [type, isWeighted ? 'yes' : 'no', ...times.map((ms) => ms.toFixed(1))];
        table.push(`| ${[...cells, (times[0] / times[1]).toFixed(2)].join(' | ')} |`);
      }
    }
    await peer.end();
    process.stdout.write(`${table.join('\n')}\n`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Medians. */
async function alternated(
  rounds: number,
  sides: { readonly ours: () => Promise<number>; readonly theirs: () => Promise<number> },
): Promise<readonly [ours: number, theirs: number]> {
  const times = { ours: [] as number[], theirs: [] as number[] };
  for (let round = -1; round < rounds; round += 1) {
    for (const side of round % 2 === 0 ? order : order.toReversed()) {
      const ms = await sides[side]();
      if (round >= 0) times[side].push(ms);
    }
  }
  return [median(times.ours), median(times.theirs)];
}

const order = ['ours', 'theirs'] as const;

function startPeer(python: string, words: readonly string[]) {
  const peer = execa(python, [join(import.meta.dirname, 'ggml_times.py'), ...words], {
    buffer: false,
  });
  const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
  return {
    async ask(line: string): Promise<number> {
      peer.stdin.write(`${line}\n`);
      return Number((await lines.next()).value);
    },
    async end(): Promise<void> {
      peer.stdin.end();
      await peer;
    },
  };
}
