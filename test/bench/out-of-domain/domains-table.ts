/** Outcomes of several seeds → two Markdown tables: what is heard, and what it costs. */
import { line, spread } from '../train/table.ts';
import type { Outcome } from './outcome.ts';

/** Titles by the names that outcomes have. */
interface Titles {
  readonly methods: Readonly<Record<string, string>>;
  readonly domains: Readonly<Record<string, string>>;
}

export function domainsTables({ methods, domains }: Titles, outcomes: readonly Outcome[]): string {
  const names = Object.keys(domains);
  const head = [
    ...['', 'rate', 'steps', 'seeds'],
    ...names.flatMap((name) => [`WER %, ${domains[name]}`, 'loss']),
  ];
  const groups = groupsOf(Object.keys(methods), outcomes);
  const rows = groups.map((own) => [
    ...[methods[own[0].method] ?? '', own[0].learningRate, stepsOf(own[0]), String(own.length)],
    ...names.flatMap((name) => {
      const heard = own.flatMap((one) => one.heard[name] ?? []);
      return [
        spread(
          heard.map(({ errors, words }) => (100 * errors) / words),
          1,
        ),
        spread(
          heard.map(({ loss }) => loss),
          3,
        ),
      ];
    }),
  ]);
  const costs = groups.flatMap((own) => {
    const trained = own.flatMap(({ training }) => training ?? []);
    const [first] = trained;
    if (first === undefined) return [];
    return [
      [
        ...[methods[own[0].method] ?? '', own[0].learningRate, String(first.steps)],
        ...[
          first.trained.toLocaleString('en'),
          spread(
            trained.map(({ stepMs }) => stepMs),
            0,
          ),
        ],
        spread(
          trained.map(({ peakBytes }) => peakBytes / mib),
          0,
        ),
        (first.plannedBytes / mib).toFixed(0),
        spread(
          trained.map(({ adapterBytes }) => adapterBytes / 1000),
          0,
        ),
      ],
    ];
  });
  const paid = ['method', 'rate', 'steps', 'trained values', 'ms a step', 'peak MiB', 'planned'];
  return [tableOf(head, rows), tableOf([...paid, 'adapter kB'], costs)].join('\n\n');
}

const mib = 2 ** 20;

const stepsOf = ({ training }: Outcome): string => String(training?.steps ?? '');

/** Runs of one method alike but for the seed, in the order of the methods. */
function groupsOf(names: readonly string[], outcomes: readonly Outcome[]) {
  const groups = new Map<string, [Outcome, ...Outcome[]]>();
  for (const name of names) {
    for (const one of outcomes.filter(({ method }) => method === name)) {
      const key = `${name} ${one.learningRate} ${stepsOf(one)}`;
      const own = groups.get(key);
      if (own === undefined) groups.set(key, [one]);
      else own.push(one);
    }
  }
  return [...groups.values()];
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}
