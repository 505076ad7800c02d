// What became of every record while a store is built: nothing is dropped silently.
import { UserError } from '../../crds/failures/errors.ts';
import type { Problem, StoreManifest } from '../data/store-manifest.ts';
import type { SkipReason } from './encode-sample.ts';
import type { CountedFile } from './read-pictures.ts';
import type { EncodedRecord } from './tokenise-batch.ts';

/** For each kind of problem. */
const mostProblems = 100;

interface TallyRules {
  readonly labels: readonly string[] | undefined;
  readonly failAtInvalid: boolean;
  readonly failAtTooLong: boolean;
}

export type Tally = ReturnType<typeof newTally>;

export function newTally(
  files: readonly CountedFile[],
  { labels, failAtInvalid, failAtTooLong }: TallyRules,
) {
  const firstDocuments: number[] = [];
  const lengths: number[] = [];
  return {
    records: 0,
    samples: 0,
    cutSamples: 0,
    lostTokens: 0,
    silentSamples: 0,
    classes: labels?.map(() => 0) ?? [],
    skipped: { Invalid: 0, NoTargets: 0, TooLong: 0 },
    problems: [] as Problem[],
    examples: [] as StoreManifest['examples'],
    enter(file: number, documents: number) {
      while (firstDocuments.length <= file) firstDocuments.push(documents);
    },
    addLength(length: number) {
      const power = Math.ceil(Math.log2(Math.max(1, length)));
      lengths[power] = (lengths[power] ?? 0) + 1;
    },
    addKept(record: Exclude<EncodedRecord, { skipped: SkipReason }>) {
      this.samples += 1;
      if (record.class !== undefined) {
        this.classes[record.class] = (this.classes[record.class] ?? 0) + 1;
      }
      this.lostTokens += record.lost;
      if (record.lost > 0) this.cutSamples += 1;
      if (record.silent) this.silentSamples += 1;
    },
    addSkipped(
      { skipped, line, detail }: Extract<EncodedRecord, { skipped: SkipReason }>,
      file: number,
    ) {
      this.skipped[skipped] += 1;
      if (skipped === 'NoTargets') return;
      const problem = { skipped, file: files[file]?.path ?? '', line, reason: detail };
      if (skipped === 'Invalid' ? failAtInvalid : failAtTooLong) throw invalidRecord(problem);
      if (this.skipped[skipped] <= mostProblems) this.problems.push(problem);
    },
    facts() {
      const { samples, classes, skipped, problems, examples } = this;
      const { cutSamples, lostTokens, silentSamples } = this;
      return {
        ...{ samples, classes, skipped, problems, cutSamples, lostTokens, silentSamples, examples },
        lengths: Array.from(lengths, (documents = 0, power) => ({ upTo: 2 ** power, documents })),
        files: files.flatMap(({ path, sha256 }, file) => {
          const firstDocument = firstDocuments[file];
          return firstDocument === undefined ? [] : [{ path, sha256, firstDocument }];
        }),
      };
    },
  };
}

/** "FILE:LINE reason"; the reason alone where each record is a file, which it names. */
export function inWords({ file, line, reason }: Omit<Problem, 'skipped'>): string {
  return file === '' ? reason : `${file}:${line} ${reason}`;
}

/** The error for an invalid record, during a build or when an existing store is opened. */
export function invalidRecord(problem: Problem): UserError {
  const field = problem.skipped === 'TooLong' ? 'overlength' : 'invalidSamplePolicy';
  return new UserError({
    code: 'E_INVALID_DATA',
    path: `spec.dataset.${field}`,
    message: `${inWords(problem)}; ${field} is Fail`,
    hint: `correct the record, or set spec.dataset.${field}: Skip`,
  });
}

export function onlySilence({ samples }: Tally, keys: readonly string[]): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.dataset.train',
    message: `the answers of all ${samples} records are empty; a model trained on them learns to answer nothing`,
    hint: `check the fields ${keys.join(', ')} of the first records: the answers may have been lost when the file was written`,
  });
}

export function nothingKept({ records, skipped, problems }: Tally): UserError {
  const [first] = problems;
  const reason = first === undefined ? '' : `; ${inWords(first)}`;
  return new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.dataset.train',
    message: `none of ${records} records can be trained on: ${whyNone(skipped)}${reason}`,
    ...(skipped.TooLong > 0 && {
      hint: 'set spec.dataset.overlength: Truncate, or a larger sequenceLength',
    }),
  });
}

function whyNone(skipped: Tally['skipped']): string {
  const counts = Object.entries(skipped).filter(([, count]) => count > 0);
  return counts.map(([reason, count]) => `${count} ${skipWords[reason] ?? reason}`).join(', ');
}

const skipWords: Readonly<Record<string, string>> = {
  Invalid: 'cannot be used',
  NoTargets: 'have no target tokens',
  TooLong: 'are too long',
};
