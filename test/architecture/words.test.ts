// The words of the project are those of the field: what went must not come back, neither as a name
// nor in prose. Words that are ours all the same stand in docs/glossary.md.
import test from 'ava';
import { readSources, root, type SourceFile } from './sources.ts';

interface Refused {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Files in which the letters mean something else. */
  readonly except?: RegExp;
}

const refused: readonly Refused[] = [
  {
    pattern: /\b[Bb]ins\b|\w[a-z]Bins?\b/,
    instead: 'packed sequences',
    // The name of a random stream decides its bits.
    except: /^worker\/data\/loader\.ts$|^test\/worker\/data\/order\.test\.ts$/,
  },
  { pattern: /\b[Ss]hel(f|ves)\b|\w[a-z]Shelf\b/, instead: 'activation offload' },
  { pattern: /\b[Cc]arriers?\b|\w[a-z]Carrier\b/, instead: 'collectives' },
  { pattern: /\bheld-model|\b[Hh]eldModel/, instead: 'sharded model' },
  {
    pattern: /\b[Mm]oving (parameters|blocks|weights)|\bmovingBlocks/,
    instead: 'active',
    // The reason of a condition, in the table of failures.md.
    except: /^docs\/reference\/failures\.md$/,
  },
  {
    pattern: /\b[Ll]earned (tokens?|rows?)|[Ll]earnedTokens|[Ll]earnedShare/,
    instead: 'target tokens',
  },
  { pattern: /\bby chance\b|[Bb]yChance|by_chance/, instead: 'stochastic rounding, or at random' },
  { pattern: /(?<!system:)\b[Mm]asters\b|[a-z]Masters\b/, instead: 'master weights' },
  { pattern: /\b[Ss]eams?\b|[a-z]Seams?\b/, instead: 'axis of a method' },
  { pattern: /\b[Ff]ore(see|saw|seen|sight)/, instead: 'preflight' },
  { pattern: /\b[Pp]ilots?\b/, instead: 'navigator' },
  { pattern: /\b[Ss]eats?\b|[a-z]Seats?\b/, instead: 'rank assignment' },
  { pattern: /[Aa]gainAfterMs/, instead: 'requeueAfterMs' },
  { pattern: /own-writes|[Oo]wnWrites/, instead: 'expectations' },
  { pattern: /last-words|[Ll]astWords|\blast words\b/, instead: 'termination message' },
  { pattern: /anneal_beat|(?<!eart)[Bb]eatRecord|[a-z]Beat\b/, instead: 'heartbeat' },
  { pattern: /\b[Hh]appenings?\b|[a-z]Happenings?\b/, instead: 'event' },
  { pattern: /\b[Hh]armless\b/, instead: 'sanitize, or safe to repeat' },
  { pattern: /\b[Pp]lights?\b|[a-z]Plights?\b/, instead: 'condition' },
  { pattern: /\b[Tt]roubles?\b|[a-z]Troubles?\b/, instead: 'problem or failure' },
  { pattern: /\b[Oo]pinions?\b|[a-z]Opinions?\b/, instead: 'policy result' },
];

/** Nothing that we wrote: printed, recorded, or of others. */
const notOurs =
  /\/snapshots\/|^test\/golden\/|package(-lock)?\.json$|\.generated\.|^CHANGELOG\.md$/;
const self = 'test/architecture/words.test.ts';
const sources = readSources().filter(({ path }) => !notOurs.test(path) && path !== self);

test('a word that the field says otherwise stands nowhere', (t) => {
  const found = refused.flatMap(({ pattern, instead, except }) =>
    sources
      .filter(({ path }) => except?.test(path) !== true)
      .flatMap((file) => linesWith(file, pattern))
      .map((at) => `${at} · say ${instead}`),
  );
  t.deepEqual(found, []);
});

test('the list finds what it is for', (t) => {
  const text = 'a shelf\n evenCarrier\nits movingBlocks\nsystem:masters\nbin/anneal\n';
  const file = { path: 'made-up.ts', text, lines: 5 };
  const lines = refused.flatMap(({ pattern }) => linesWith(file, pattern));
  t.deepEqual(lines, ['made-up.ts:1', 'made-up.ts:2', 'made-up.ts:3']);
});

test('the glossary is one page, one line a word, in order', (t) => {
  const page = sources.find(({ path }) => path === 'docs/glossary.md');
  t.truthy(page, `${root} has no docs/glossary.md`);
  t.true((page?.lines ?? 0) <= 40);
  const words = (page?.text ?? '')
    .split('\n')
    .flatMap((line) => /^\| \*\*(.+?)\*\* \|/.exec(line)?.[1] ?? []);
  t.true(words.length >= 10);
  t.deepEqual(
    words,
    words.toSorted((a, b) => a.localeCompare(b)),
  );
});

test('comments end at column 100, as code does; formulas and tables, which are indented, may not', (t) => {
  const commented = /\.(ts|tsx|mjs|js|cc|h|cu|cuh)$/;
  const long = sources
    .filter(({ path }) => commented.test(path))
    .flatMap((file) => linesWith(file, /^(?=.{101})\s*(\/\/|\*|\/\*\*?) (?! {2}|biome-ignore)/));
  t.deepEqual(long, []);
});

function linesWith({ path, text }: SourceFile, pattern: RegExp): readonly string[] {
  return text
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : []));
}
