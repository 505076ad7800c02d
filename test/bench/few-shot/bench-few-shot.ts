/**
 * Few pictures of each class, learned by Block-LoRA and by LoRA: whole runs of the real command on
 * a dual encoder of two real towers (DINOv2-S at 112 x 112 pixels, MiniLM), from several seeds. All
 * runs of a source have the same held-out pictures. Outcomes lie in a file to which each run adds a
 * line: runs that are in it are not made again.
 */
import { mkdir } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureEntry } from '../../../cli/setup/entry.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { digits } from '../../setup/digits.ts';
import { writeDigits } from '../../setup/digits-dit.ts';
import { joinedTowers } from '../../setup/joined-towers.ts';
import { textiles } from '../../setup/textiles.ts';
import { chosen } from '../chosen.ts';
import { digestOf, Outcomes } from '../outcomes.ts';
import { forgetRun, runDocument } from '../run-document.ts';
import { numbersOf, seedOptions } from '../seed-options.ts';
import { inTurn } from '../turns.ts';
import { fewShotTables } from './few-shot-table.ts';
import { documentOf, type FewShotRun, methods, sources } from './jobs.ts';
import { type Outcome, outcome, outcomeOf } from './outcome.ts';

const root = join(import.meta.dirname, '../../..');

export async function benchFewShot(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...seedOptions('few-shot.jsonl', '1,2,3,4,5'),
      sources: { type: 'string', default: 'textiles' },
      shots: { type: 'string', default: '1,2,4,8,16' },
      rate: { type: 'string', default: '1e-3' },
    },
  });
  const runs = runsOf(values);
  await ensureNative(setup, root);
  const outcomes = new Outcomes(values.out, outcome);
  if (!values.table) {
    const folders = { towers: await joinedTowers(setup), textiles: await textiles(setup) };
    const volumes = { ...folders, digits: await digitPictures(setup) };
    for (const run of runs) await runOnce(setup, run, volumes, outcomes);
  }
  process.stdout.write(`\n${fewShotTables(methods, await outcomes.read())}\n`);
}

interface Wanted {
  readonly only: string;
  readonly sources: string;
  readonly shots: string;
  readonly seeds: string;
  readonly rate: string;
}

/** Methods take turns, so that what else the machine does is spread over all. */
function runsOf(wanted: Wanted): readonly FewShotRun[] {
  const names = chosen(methods, wanted.only);
  const places = chosen(sources, wanted.sources);
  const shots = numbersOf('shots', wanted.shots, 1);
  return numbersOf('seeds', wanted.seeds).flatMap((seed, round) =>
    places.flatMap((source) =>
      shots.flatMap((count) =>
        inTurn(names, round).map((method) => ({
          ...{ method, source, shots: count, seed, learningRate: wanted.rate },
        })),
      ),
    ),
  );
}

/** Adds its line, unless that is there. */
async function runOnce(
  setup: Setup,
  run: FewShotRun,
  volumes: Readonly<Record<string, string>>,
  outcomes: Outcomes<Outcome>,
): Promise<void> {
  const document = documentOf(run);
  const digest = digestOf(document);
  if (await outcomes.has(digest)) return;
  const scratch = join(setup.cache.root, 'bench/few-shot');
  const report = await runDocument(setup, document, { volumes, scratch });
  const [load = Number.NaN] = loadavg();
  const one = outcomeOf({ ...run, digest }, report, load);
  await outcomes.add(one);
  await forgetRun(scratch, document.metadata.name);
  const words = `${(100 * one.before).toFixed(1)} to ${(100 * one.after).toFixed(1)} %`;
  setup.steps.note(
    `${methods[run.method].title}, ${run.shots} of ${run.source}, seed ${run.seed}: ${words}`,
  );
}

/** The pictures of scikit-learn's digits, in folders by class. */
function digitPictures(setup: Setup): Promise<string> {
  return ensureEntry(setup, {
    folder: join(setup.cache.root, 'digit-pictures'),
    inside: 'pictures',
    bytes: 10_000_000,
    async make(staging) {
      const folder = join(staging, 'pictures');
      await mkdir(folder);
      await writeDigits(folder, await digits(setup));
    },
  });
}
