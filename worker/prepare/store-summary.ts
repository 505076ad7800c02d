// What a token store holds, in one line.
import type { StoreManifest } from '../data/store-manifest.ts';

type Counts = Pick<StoreManifest, 'samples' | 'documents' | 'tokens' | 'targetTokens' | 'classes'>;
type Summarised = Counts & Pick<StoreManifest, 'skipped' | 'objective' | 'pictures'>;

/** Records and tokens of a store, and what was left out. */
export function storeSummary({ skipped, objective, pictures, ...counts }: Summarised): string {
  const left = Object.entries(skipped).flatMap(([reason, count]) =>
    count === 0 ? [] : [`${inWords(count)} ${skipWords[reason] ?? reason}`],
  );
  const kept = keptOf(objective, counts, pictures !== null);
  return left.length === 0 ? kept : `${kept}; skipped: ${left.join(', ')}`;
}

function keptOf(objective: Summarised['objective'], counts: Counts, arePictures: boolean): string {
  if (objective === 'Class') return inClasses(counts, arePictures);
  if (objective === 'Box') return `${inWords(counts.samples)} clips`;
  return objective === 'Picture' ? `${inWords(counts.samples)} pictures` : inTargets(counts);
}

function inTargets({ samples, documents, tokens, targetTokens }: Counts): string {
  const share = tokens === 0 ? 0 : Math.round((100 * targetTokens) / tokens);
  const targets = `${inWords(tokens)} tokens, ${share} % target tokens`;
  return `${inWords(samples)} records, ${inWords(documents)} documents, ${targets}`;
}

function inClasses({ samples, tokens, classes }: Counts, arePictures: boolean): string {
  const seen = classes.filter((records) => records > 0).length;
  const what = arePictures ? 'pictures' : 'records';
  return `${inWords(samples)} ${what} in ${seen} classes, ${inWords(tokens)} tokens`;
}

function inWords(count: number): string {
  return count.toLocaleString('en');
}

const skipWords: Readonly<Record<string, string>> = {
  Invalid: 'unusable',
  NoTargets: 'without target tokens',
  TooLong: 'too long',
};
