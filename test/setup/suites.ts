/**
 * Many small test files in few processes. A process of AVA costs a third of a second before its
 * first test, and each loads the same schemas again; on two cores that was more than half of `npm
 * run check`. So a run writes some files that import many, and AVA runs those. `npx ava FILE` is as
 * it always was.
 *
 * A file with snapshots is run by AVA itself, which looks for them beside the file that it started,
 * and so is one with serial tests, which AVA would run before those of all other files.
 */
import { glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Ignored by git; ava.suites.config.js reads here which files there are. */
const folder = 'test/.suites';

export const suitesConfig = 'ava.suites.config.js';

export interface Suites {
  /** Files a suite: few enough that two processes end at about the same time. */
  readonly files: number;
  /** What a file says that keeps something to itself: AVA runs it in a process of its own. */
  readonly alone: RegExp;
}

/** Writes suites of the test files that the patterns name. */
export async function writeSuites(
  checkout: string,
  patterns: readonly string[],
  { files: atMost, alone }: Suites,
): Promise<void> {
  const found = new Set<string>();
  for await (const path of glob([...patterns], { cwd: checkout })) found.add(path);
  const files = [...found].sort();
  const texts = await Promise.all(files.map((path) => readFile(join(checkout, path), 'utf8')));
  const isAlone = (_: string, index: number) => alone.test(texts[index] ?? '');
  const together = files.filter((path, index) => !isAlone(path, index));
  const suites = deal(together, Math.ceil(together.length / atMost));
  const into = join(checkout, folder);
  await rm(into, { recursive: true, force: true });
  await mkdir(into, { recursive: true });
  for (const [index, suite] of suites.entries()) {
    await writeFile(join(into, `${index + 1}.test.ts`), suiteText(suite));
  }
  const written = suites.map((_, index) => `${folder}/${index + 1}.test.ts`);
  const started = JSON.stringify([...written, ...files.filter(isAlone)], null, 2);
  await writeFile(join(into, 'files.json'), `${started}\n`);
}

/** Dealt out like cards: neighbours, which are of one kind and size, come into different suites. */
function deal(files: readonly string[], count: number): readonly (readonly string[])[] {
  return Array.from({ length: count }, (_, suite) =>
    files.filter((_file, index) => index % count === suite),
  );
}

function suiteText(files: readonly string[]): string {
  return [
    '// Made by test/setup/suites.ts for one run.',
    "import { loadSuite } from '../setup/suite.ts';",
    '',
    `await loadSuite(${JSON.stringify(files, null, 2)});`,
    '',
  ].join('\n');
}
