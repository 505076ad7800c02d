// A round as a whole: order, names, rounding, and what each rule leaves alone.
import test from 'ava';
import {
  type Aggregated,
  aggregate,
  type ClientUpdate,
  isExact,
  type Round,
  suffixes,
  trainedSuffixes,
} from '../../../worker/federate/aggregate.ts';
import {
  type Matrix,
  matrix,
  minus,
  product,
  times,
  weightedSum,
} from '../../../worker/federate/matrix.ts';
import { normOfUpdate } from '../../../worker/federate/mean.ts';

const layers = ['model.layers.0.self_attn.q_proj', 'model.layers.0.mlp.up_proj'];
const rank = 3;
const aggregations = ['FedAvg', 'FFALoRA', 'FLoRA', 'FedSB', 'LoRAFAIR'] as const;
type Name = keyof typeof suffixes;

/** Values that float32 has, different for each seed. */
function drawn(seed: number, rows: number, columns: number): Matrix {
  const value = (at: number) => Math.fround(Math.sin(12.9898 * (at + 1) + 78.233 * seed));
  return matrix(
    rows,
    columns,
    Array.from({ length: rows * columns }, (_, at) => value(at)),
  );
}

const shapeOf: Readonly<Record<Name, readonly [number, number]>> = {
  ...{ A: [rank, 6], B: [8, rank], R: [rank, rank] },
};

function tensorsOf(seed: number, names: readonly Name[]) {
  return new Map(
    layers.flatMap((path, i) =>
      names.map(
        (name) =>
          [
            `${path}.${suffixes[name]}`,
            drawn(seed + 10 * i + name.charCodeAt(0), ...shapeOf[name]),
          ] as const,
      ),
    ),
  );
}

function roundOf(aggregation: Round['aggregation'], seeds: readonly number[] = [1, 2, 3]): Round {
  const trained = trainedSuffixes[aggregation];
  const fixed = (['A', 'B'] as const).filter((name) => !trained.some((own) => own === name));
  return {
    ...{ aggregation, weights: 'Samples', lambda: 0.01, fixed: tensorsOf(100, fixed) },
    clients: seeds.map((seed) => ({
      ...{ client: `client-${seed}`, samples: 10 * seed, scale: 2 },
      tensors: tensorsOf(seed, trained),
    })),
  };
}

const bitsOf = ({ tensors, weights, error }: Aggregated): unknown => ({
  tensors: [...tensors].map(([name, { values }]) => [name, [...values]]),
  ...{ weights, error },
});

for (const aggregation of aggregations) {
  test(`${aggregation}: the same bits in whatever order clients come`, (t) => {
    const round = roundOf(aggregation);
    const [a, b, c] = round.clients as [ClientUpdate, ClientUpdate, ClientUpdate];
    const expected = aggregate(round);
    t.deepEqual(expected.clients, ['client-1', 'client-2', 'client-3']);
    for (const clients of [
      [c, a, b],
      [b, c, a],
    ]) {
      t.deepEqual(bitsOf(aggregate({ ...round, clients })), bitsOf(expected));
    }
    const fewer = aggregate({ ...round, clients: [c, a] });
    t.deepEqual(
      [fewer.clients, fewer.weights],
      [
        ['client-1', 'client-3'],
        [0.25, 0.75],
      ],
    );
    t.notDeepEqual(bitsOf(fewer), bitsOf(expected));
  });

  test(`${aggregation}: one client is itself, and its own round alone counts`, (t) => {
    const round = roundOf(aggregation, [1]);
    const { tensors, error, weights } = aggregate(round);
    t.deepEqual(weights, [1]);
    t.true(error < 1e-7, `${error}`);
    t.deepEqual([...tensors.keys()].sort(), [...(round.clients[0]?.tensors.keys() ?? [])].sort());
    for (const [name, value] of tensors) {
      const own = round.clients[0]?.tensors.get(name);
      if (own === undefined) return t.fail(name);
      const expected = aggregation === 'FLoRA' && name.endsWith(suffixes.A) ? times(own, 2) : own;
      const gap = Math.max(...minus(value, expected).values.map(Math.abs));
      t.true(gap <= 1e-6, `${name} ${gap}`);
    }
    // Nothing of a round stays behind for the next one.
    aggregate(roundOf(aggregation, [7, 8]));
    t.deepEqual(bitsOf(aggregate(round)), bitsOf({ tensors, error, weights, clients: [] }));
  });

  test(`${aggregation}: what is exact misses the mean by rounding alone, and the rest does not`, (t) => {
    const { error } = aggregate(roundOf(aggregation));
    if (isExact(aggregation)) t.true(error > 0 && error < 1e-7, `${error}`);
    else t.true(error > 1e-3, `${error}`);
  });
}

test('LoRA-FAIR is nearer to the mean than FedAvg, and nothing with much lambda', (t) => {
  const plain = aggregate(roundOf('FedAvg')).error;
  const fair = (lambda: number) => aggregate({ ...roundOf('LoRAFAIR'), lambda }).error;
  t.true(fair(0.01) < plain);
  t.true(Math.abs(fair(1e9) - plain) < 1e-6);
});

test('a stack has the rank of all clients together, and its product is the mean', (t) => {
  const { tensors, weights } = aggregate(roundOf('FLoRA'));
  const [path] = layers;
  const [A, B] = [suffixes.A, suffixes.B].map((name) => tensors.get(`${path}.${name}`));
  if (A === undefined || B === undefined) return t.fail();
  t.deepEqual([A.rows, B.columns], [9, 9]);
  const round = roundOf('FLoRA');
  const changes = round.clients.flatMap(({ tensors: own, scale }) => {
    const [a, b] = [suffixes.A, suffixes.B].map((name) => own.get(`${path}.${name}`));
    return a && b ? [times(product(b, a), scale)] : [];
  });
  const gap = minus(product(B, A), weightedSum(weights, changes));
  t.true(Math.max(...gap.values.map(Math.abs)) < 1e-6);
});

test('the norm of an update counts from where it began', (t) => {
  const name = 'a.lora_R.weight';
  const [one, two] = [matrix(1, 2, [3, 4]), matrix(1, 2, [3, 1])];
  t.is(normOfUpdate(new Map([[name, one]]), new Map()), 5);
  t.is(normOfUpdate(new Map([[name, one]]), new Map([[name, two]])), 3);
});
