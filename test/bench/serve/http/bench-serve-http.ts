/**
 * Servers as their clients meet them: `anneal serve` with few and many adapters, one that swaps
 * PEFT adapters, and llama.cpp. The same prompts and arrivals, greedy, in alternating rounds;
 * medians. Each is started anew for each round, and loading is not measured.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureNative } from '../../../../cli/setup/native.ts';
import type { Setup } from '../../../../cli/setup/setup.ts';
import { chosen } from '../../chosen.ts';
import { numberOf } from '../../seed-options.ts';
import { inTurn } from '../../turns.ts';
import { type Contender, comparisons } from './comparisons.ts';
import type { Driven } from './drive.ts';
import { ensureFiles } from './files.ts';
import { httpTable } from './http-table.ts';

export async function benchServeHttp(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      rounds: { type: 'string', default: '3' },
      requests: { type: 'string', default: '64' },
      /** Of each answer. */
      tokens: { type: 'string', default: '64' },
      threads: { type: 'string', default: '1' },
      /** Requests a second; above what any of them can answer, so that they are the limit. */
      rate: { type: 'string', default: '8' },
      seed: { type: 'string', default: '1' },
      /** Answers of ours that are asked for again, each alone. */
      alone: { type: 'string', default: '8' },
    },
  });
  await ensureNative(setup, join(import.meta.dirname, '../../../..'));
  const options = {
    ...{ files: await ensureFiles(setup), threads: numberOf('threads', values.threads) },
    requests: numberOf('requests', values.requests),
    tokens: numberOf('tokens', values.tokens),
    rate: numberOf('rate', values.rate),
    ...{ seed: numberOf('seed', values.seed, 0), alone: numberOf('alone', values.alone, 0) },
  };
  const rounds = numberOf('rounds', values.rounds);
  for (const name of chosen(comparisons, values.only)) {
    const contenders = await comparisons[name](setup, options);
    const found = new Map<Contender, Driven[]>(contenders.map((one) => [one, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (const one of inTurn(contenders, round)) {
        const driven = await one.run((text) => setup.steps.note(`${one.name}: ${text}`));
        found.get(one)?.push(driven);
        setup.steps.note(`${one.name}: ${inWords(driven)}`);
      }
    }
    process.stdout.write(`\n${httpTable(found)}\n`);
  }
}

function inWords({ tokens, seconds, processor }: Driven): string {
  const cpu = ((1000 * processor) / tokens).toFixed(1);
  return `${tokens} tokens, ${(tokens / seconds).toFixed(1)} tokens/s, ${cpu} ms of processor a token`;
}
