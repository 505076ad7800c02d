// Who is compared with whom: the first of each list is what the others are measured by.
import { join } from 'node:path';
import { ensureDemo } from '../../../../cli/setup/demo.ts';
import type { Setup } from '../../../../cli/setup/setup.ts';
import { ensureNativeLlama } from '../../../setup/llama-native.ts';
import { ensurePeers } from '../../../setup/peers.ts';
import { type Driven, drive } from './drive.ts';
import { type Files, mostAdapters } from './files.ts';
import { driveLlama } from './llama.ts';
import { type Asked, scheduled } from './schedule.ts';
import { type Running, startOurs, startPeft, together } from './servers.ts';

export interface Contender {
  readonly name: string;
  readonly schedule: readonly Asked[];
  readonly run: (say: (text: string) => void) => Promise<Driven>;
}

interface Options {
  readonly files: Files;
  readonly threads: number;
  readonly requests: number;
  readonly tokens: number;
  readonly rate: number;
  readonly seed: number;
  /** Answers of ours that are asked for again, each alone. */
  readonly alone: number;
}

export const comparisons = { adapters, peft, llama };

/** Few and many adapters, Poisson arrivals. */
async function adapters(_setup: Setup, options: Options): Promise<readonly Contender[]> {
  return [4, mostAdapters].map((count) => ours(options, { count }));
}

async function peft(setup: Setup, options: Options): Promise<readonly Contender[]> {
  const { python } = await ensurePeers(setup);
  const first = ours(options, { count: mostAdapters });
  const { schedule } = first;
  const run = async (): Promise<Driven> => {
    await using server = await startPeft({ ...options, adapters: mostAdapters, python });
    return await drive(server, schedule, options.tokens);
  };
  return [first, { name: `PEFT, ${mostAdapters} adapters`, schedule, run }];
}

/** All there at once, of one adapter and of many, in bfloat16 and in 4 bits. */
async function llama(setup: Setup, options: Options): Promise<readonly Contender[]> {
  const native = await ensureNativeLlama(setup);
  const { gguf, folder } = options.files;
  const coarse = join(await ensureDemo(setup), 'model', 'SmolLM2-135M-Instruct.Q4_1.gguf');
  const bases = [
    { bits: 'bfloat16', own: folder, theirs: gguf },
    { bits: 'Q4_1', own: coarse, theirs: coarse },
  ];
  return bases.flatMap(({ bits, own, theirs }) =>
    [1, together].flatMap((count) => {
      const named = { ...options, rate: 0 };
      const first = ours(named, { count, base: own, bits, most: together });
      const { schedule } = first;
      const wanted = { ...options, schedule, adapters: count, base: theirs };
      const name = `llama.cpp, ${bits}, ${inWords(count)}`;
      return [first, { name, schedule, run: () => driveLlama(native, wanted) }];
    }),
  );
}

interface Ours {
  readonly count: number;
  /** @default the folder in bfloat16 */
  readonly base?: string;
  readonly bits?: string;
  /** Open at once. @default all that came */
  readonly most?: number;
}

function ours(options: Options, { count, base, bits, most }: Ours): Contender {
  const { tokens, alone } = options;
  const schedule = scheduled({ ...options, adapters: count });
  return {
    name: ['anneal serve', ...(bits === undefined ? [] : [bits]), inWords(count)].join(', '),
    schedule,
    async run(say) {
      await using server = await startOurs({ ...options, adapters: count, ...(base && { base }) });
      const driven = await drive(server, schedule, tokens, most);
      say(await asAlone(server, schedule.slice(0, alone), driven, tokens));
      return driven;
    },
  };
}

/** Whether answers are what the same requests get when nobody else asks. */
async function asAlone(
  server: Running,
  schedule: readonly Asked[],
  { answers }: Driven,
  tokens: number,
): Promise<string> {
  let same = 0;
  for (const [i, one] of schedule.entries()) {
    const { text } = await server.ask(one, tokens);
    if (text === answers[i]?.text) same += 1;
  }
  return `${same} of ${schedule.length} answers as alone`;
}

function inWords(count: number): string {
  return count === 1 ? '1 adapter' : `${count} adapters`;
}
