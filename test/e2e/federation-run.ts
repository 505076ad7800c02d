// `anneal federate` on a toy: three clients whose records differ, in real processes that a test can
// kill.
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import type { RoundResult } from '../../crds/wire/federation.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { runCommand, type Victim } from './anneal-process.ts';
import { digestsBelow } from './killed-run.ts';

export interface ToyFederation {
  readonly file: string;
  readonly folder: string;
  readonly destination: string;
}

interface Options {
  readonly aggregation: string;
  readonly method: Readonly<Record<string, unknown>>;
  readonly training?: Readonly<Record<string, unknown>>;
  readonly dataset?: Readonly<Record<string, unknown>>;
  /** Records of each client. @default three clients with 9, 5 and 16 */
  readonly records?: Readonly<Record<string, readonly string[]>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly clients?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** In a folder that goes with the test. */
export async function aFederation(t: ExecutionContext, options: Options): Promise<ToyFederation> {
  t.timeout(600_000);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-federation-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { method, training, dataset, aggregation } = options;
  const toy = await writeToyJob(folder, {
    ...{ name: 'toy', method, checkpoint: { intervalSteps: 2 } },
    training: { maxSteps: 4, globalBatchSize: 2, learningRate: '1e-2', ...training },
    dataset: { packing: 'None', heldOut: { samples: 8 }, ...dataset },
  });
  const job = parse(readFileSync(toy.file, 'utf8'));
  const records = options.records ?? {
    ...{ north: sums(0, 9), south: sums(20, 5), west: sums(40, 16) },
  };
  for (const [name, lines] of Object.entries(records)) {
    await writeFile(join(folder, `${name}.jsonl`), lines.join(''));
  }
  const clients = Object.keys(records).map((name) => ({
    ...{ name, train: { local: { path: `${name}.jsonl` } } },
    ...options.clients?.[name],
  }));
  const file = join(folder, 'federation.yaml');
  const spec = { aggregation, rounds: 2, template: job.spec, clients, ...options.spec };
  const head = { apiVersion: job.apiVersion, kind: 'Federation', metadata: { name: 'toy' } };
  await writeFile(file, stringify({ ...head, spec }));
  return { file, folder, destination: toy.destination };
}

/** Conversations about sums of which one number is near `from`. */
export function sums(from: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [from + (i % 7), (13 * i + 5) % 50];
    const messages = [
      { role: 'user', content: `what is ${a} and ${b}` },
      { role: 'assistant', content: `it is ${a + b}` },
    ];
    return `${JSON.stringify({ messages })}\n`;
  });
}

export type FederationLine =
  | { readonly type: 'begin'; readonly folder: string; readonly continued: boolean }
  | { readonly type: 'progress'; readonly who: string; readonly words: string }
  | ({ readonly type: 'round' } & RoundResult)
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'outcome'; readonly state: string };

export interface FederationEnd {
  readonly code: number | null;
  readonly stderr: string;
  readonly lines: readonly FederationLine[];
  /** Empty where it was killed before it said so. */
  readonly folder: string;
  readonly rounds: readonly RoundResult[];
}

/** Runs it; where `kill` names a victim for a line, that is killed at once. */
export async function federate(
  { file }: ToyFederation,
  cache: string,
  variables: Readonly<Record<string, string>>,
  kill: (line: FederationLine) => Victim | null = () => null,
): Promise<FederationEnd> {
  const words = ['federate', file, '--output', 'json', '--threads', '1'];
  const { code, stderr, lines } = await runCommand(words, cache, variables, kill);
  const begun = lines.find((line) => line.type === 'begin');
  const rounds = lines.filter((line) => line.type === 'round');
  return { code, stderr, lines, folder: begun?.folder ?? '', rounds };
}

/** All that may not depend on what was killed. */
export function resultOf(federation: ToyFederation): unknown {
  const report = join(federation.destination, 'federation.json');
  return {
    rounds: existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')).rounds : [],
    files: digestsBelow(federation.destination),
  };
}
