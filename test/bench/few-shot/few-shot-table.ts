/**
 * Outcomes of several seeds → two Markdown tables: what is right of held-out pictures, and what it
 * costs. A difference is that of runs of the same seed, which learned the same pictures.
 */
import { line, median, spread } from '../train/table.ts';
import type { Outcome } from './outcome.ts';

type Titles = Readonly<Record<string, { readonly title: string }>>;

/** The first of `methods` is what the others are held against. */
export function fewShotTables(methods: Titles, outcomes: readonly Outcome[]): string {
  const own = outcomes.filter(({ method }) => Object.hasOwn(methods, method));
  const places = [...new Map(own.map((one) => [keyOf(one), one])).values()].toSorted(
    (a, b) => b.source.localeCompare(a.source) || a.shots - b.shots,
  );
  const [first = '', ...others] = Object.keys(methods);
  const titled = (name: string): string => `${methods[name]?.title} %`;
  const head = [
    ...['data', 'shots', 'rate', 'seeds', 'zero-shot %', titled(first)],
    ...others.flatMap((name) => [titled(name), 'less the first']),
  ];
  const rows = places.map((place) => {
    const here = own.filter((one) => keyOf(one) === keyOf(place));
    const of = (name: string) => here.filter(({ method }) => method === name);
    const seeds = new Set(here.map(({ seed }) => seed)).size;
    const before = percent(median(here.map((one) => one.before)));
    const cells = others.flatMap((name) => [
      spread(
        of(name).map(({ after }) => 100 * after),
        1,
      ),
      gap(of(name), of(first)),
    ]);
    const base = spread(
      of(first).map(({ after }) => 100 * after),
      1,
    );
    const { source, shots, learningRate } = place;
    return [source, String(shots), learningRate, String(seeds), before, base, ...cells];
  });
  // Steps of as many pictures.
  const largest = places.filter(({ source }) => source === places[0]?.source).at(-1);
  const costs = costTable(
    methods,
    own.filter((one) => largest !== undefined && keyOf(one) === keyOf(largest)),
  );
  return [tableOf(head, rows), costs].join('\n\n');
}

function costTable(methods: Titles, outcomes: readonly Outcome[]): string {
  const rows = Object.entries(methods).flatMap(([name, { title }]) => {
    const own = outcomes.filter(({ method }) => method === name);
    const [one] = own;
    if (one === undefined) return [];
    const peaks = own.map(({ peakBytes }) => peakBytes / mib);
    return [
      [
        ...[
          title,
          one.trained.toLocaleString('en'),
          spread(
            own.map(({ stepMs }) => stepMs),
            0,
          ),
        ],
        ...[spread(peaks, 0), (one.plannedBytes / mib).toFixed(0)],
        (one.adapterBytes / 1000).toFixed(0),
      ],
    ];
  });
  const head = ['method', 'trained values', 'ms a step', 'peak MiB', 'planned', 'adapter kB'];
  return tableOf(head, rows);
}

const mib = 2 ** 20;
const keyOf = ({ source, shots, learningRate }: Outcome): string =>
  `${source} ${shots} ${learningRate}`;
const percent = (share: number): string => (100 * share).toFixed(1);

function gap(own: readonly Outcome[], others: readonly Outcome[]): string {
  const gaps = own.flatMap((one) => {
    const twin = others.find(({ seed }) => seed === one.seed);
    return twin === undefined ? [] : [100 * (one.after - twin.after)];
  });
  return spread(gaps, 1).replaceAll('-', '−');
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}
